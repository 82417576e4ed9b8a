/** What the pages tell an operator to run on some stage, for dev. */
import { documentedCommands } from "../../unit/support/documentedCommands.ts";

/** A command of a page with the context, the namespace and the stack of dev. */
export const onDev = (text: string) =>
  text
    .replace(/--context \S+/g, "--context minikube")
    .replace(/todo-app-(staging|production)/g, "todo-app-dev")
    .replace(/--stack (staging|production)/g, "--stack dev")
    .replace(/STAGE=(staging|production)/g, "STAGE=dev");

/** The commands of all pages that look like this, without those that bear the mark, each once. */
export const documentedOnDev = (pattern: RegExp): readonly string[] => [
  ...new Set(
    documentedCommands()
      .filter(({ marked, text }) => !marked && pattern.test(text))
      .map(({ text }) => onDev(text)),
  ),
];
