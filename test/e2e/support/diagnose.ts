/** After a failed test, prints the state of the cluster, before the next test changes it. */
import { NAMESPACE, attempt } from "./shell.ts";

const QUESTIONS = [
  "get pods --all-namespaces --output wide",
  "get events --all-namespaces --sort-by .lastTimestamp --no-headers | tail -25",
  `logs --namespace ${NAMESPACE} --selector app.kubernetes.io/name=backend --tail 15 --prefix`,
  `logs --namespace ${NAMESPACE} --selector app.kubernetes.io/name=frontend --tail 10 --prefix`,
  "logs --namespace ingress-nginx --all-pods deployment/traefik --tail 10 --prefix",
];

export const mochaHooks = {
  async afterEach(this: Mocha.Context) {
    if (this.currentTest?.state !== "failed") return;
    for (const question of QUESTIONS) {
      const { output } = await attempt(`timeout 10 kubectl --context minikube ${question}`);
      console.log(`\n$ kubectl ${question}\n${output}`);
    }
  },
};
