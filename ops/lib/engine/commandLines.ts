/** What the command lines of an engine's processes look like. */

export const ENGINE = /^(\S*\/)?pulumi /;
export const LANGUAGE_HOST = /pulumi-language-nodejs/;
/** The program of a stack. */
export const PROGRAM = /@pulumi\/pulumi\/cmd\/run(?!-)\b/;
/** A policy pack. A recent engine starts it itself, an older one leaves that to the SDK. */
export const POLICY_PACK = /\/policy\/index\.ts 127\.|@pulumi\/pulumi\/cmd\/run-policy-pack\b/;
