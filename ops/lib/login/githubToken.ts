#!/usr/bin/env node
/**
 * The program in a kubeconfig by which a job of GitHub Actions logs in to a cluster that trusts the tokens of GitHub. kubectl and
 * Pulumi start it, and start it again once a token has ended.
 *
 * Usage: githubToken.ts <audience>
 */
import { main } from "../errors.ts";
import { idToken } from "./oidc.ts";

/** GitHub's tokens are valid for five minutes; a new one is asked for before that. */
const VALID_MS = 4 * 60_000;

await main(async () => {
  const token = await idToken(process.argv[2] ?? "");
  const expirationTimestamp = new Date(Date.now() + VALID_MS).toISOString();
  const credential = {
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    status: { token, expirationTimestamp },
  };
  process.stdout.write(JSON.stringify(credential));
});
