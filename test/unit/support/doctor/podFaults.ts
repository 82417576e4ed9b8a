/** Pods that do not start, stay or serve. */
import {
  fault,
  condition,
  refusedSet,
  notReady,
  unhealthy,
  noEndpoints,
  type Fault,
} from "./fault.ts";
import { at, badPod, change, plus, waiting, warning } from "./snapshot.ts";

export const POD_FAULTS: readonly Fault[] = [
  fault(
    "quota-full",
    "a full quota",
    [
      refusedSet(
        'pods "backend-1-c" is forbidden: exceeded quota: todo-app, requested: pods=1, used: pods=5, limited: pods=5',
      ),
    ],
    /Deployment\/backend gets no pods: quota todo-app is full/,
  ),
  fault(
    "pod-security",
    "pods that Pod Security refuses",
    [
      refusedSet(
        'pods "backend-1-c" is forbidden: violates PodSecurity "restricted:v1.30": host namespaces (hostNetwork=true)',
      ),
    ],
    /hostNetwork=true/,
  ),
  fault(
    "pod-refused",
    "pods that a policy refuses",
    [refusedSet('admission webhook "guard" denied the request: no')],
    /denied the request/,
  ),
  fault(
    "image-missing",
    "an image that does not exist",
    [
      badPod(
        waiting(
          "ImagePullBackOff",
          'Back-off pulling image "x": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "x": not found',
        ),
      ),
    ],
    /image of Deployment\/backend does not exist.*make heal STAGE=dev.*An image that is gone/s,
  ),
  fault(
    "image-missing",
    "an image that does not exist, by the event before the back-off",
    [
      badPod(waiting("ImagePullBackOff", 'Back-off pulling image "x"')),
      plus(warning("Pod/backend-1-b", "Failed", 'Failed to pull image "x": manifest unknown')),
    ],
    /does not exist/,
  ),
  fault(
    "registry-refuses",
    "a registry that refuses",
    [
      badPod(
        waiting(
          "ErrImagePull",
          'failed to resolve reference "x": unexpected status from HEAD request to https://ghcr.io/v2/x: 401 Unauthorized',
        ),
      ),
    ],
    /registry refuses.*401 Unauthorized/s,
  ),
  fault(
    "registry-silent",
    "a registry that does not answer",
    [badPod(waiting("ErrImagePull", "dial tcp 192.0.2.9:443: i/o timeout"))],
    /can't be pulled.*i\/o timeout/s,
  ),
  fault(
    "config-missing",
    "a ConfigMap that does not exist",
    [badPod(waiting("CreateContainerConfigError", 'configmap "settings" not found'))],
    /configmap "settings" not found/,
  ),
  fault(
    "config-missing",
    "a Secret to mount that does not exist",
    [
      badPod(waiting("ContainerCreating")),
      plus(
        warning(
          "Pod/backend-1-b",
          "FailedMount",
          'MountVolume.SetUp failed for volume "secrets" : secret "x" not found',
        ),
      ),
    ],
    /Deployment\/backend waits for what it mounts.*secret "x" not found.*describe pod\/backend-1-b/s,
  ),
  fault(
    "unschedulable",
    "a pod that fits no node",
    [
      badPod(
        {},
        {
          containerStatuses: [],
          conditions: [
            {
              ...condition(
                "PodScheduled",
                "False",
                "Unschedulable",
                "0/2 nodes are available: 2 Insufficient cpu.",
              ),
            },
          ],
        },
      ),
    ],
    /Insufficient cpu/,
  ),
  fault(
    "evicted",
    "a pod that was evicted",
    [
      change("Pod", "backend-1-b", (pod) => {
        pod.metadata.creationTimestamp = at(-90_000);
        pod.status = {
          phase: "Failed",
          reason: "Evicted",
          conditions: [{ type: "DisruptionTarget", status: "True", lastTransitionTime: at(-100) }],
          message: 'Usage of EmptyDir volume "writable-tmp" exceeds the limit "64Mi". ',
        };
      }),
    ],
    /exceeds the limit "64Mi".*delete pod backend-1-b/s,
  ),
  fault(
    "evicted",
    "a pod that was evicted and whose program ended well",
    [
      change("Pod", "backend-1-b", (pod) => {
        const conditions = [{ type: "Ready", status: "False", lastTransitionTime: at(-100) }];
        pod.status = { phase: "Succeeded", conditions };
      }),
      plus(warning("Pod/backend-1-b", "Evicted", 'Usage of EmptyDir volume "tmp" exceeds "64Mi".')),
    ],
    /wrote more to its disk than its limit/,
  ),
  fault(
    "out-of-memory",
    "a container that is killed for its memory",
    [
      badPod({
        restartCount: 2,
        ...waiting("CrashLoopBackOff"),
        lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } },
      }),
    ],
    /killed for its memory.*resources\.limits\.memory/s,
  ),
  fault(
    "out-of-memory",
    "a container that was killed for its memory a minute ago",
    [
      badPod(
        {
          ready: true,
          restartCount: 1,
          state: { running: {} },
          lastState: { terminated: { exitCode: 137, reason: "OOMKilled", finishedAt: at(-60) } },
        },
        { phase: "Running" },
      ),
    ],
    /runs again/,
  ),
  fault(
    "crash-loop",
    "a program that ends",
    [
      badPod({
        restartCount: 3,
        ...waiting("CrashLoopBackOff", "back-off 40s"),
        lastState: { terminated: { exitCode: 1, reason: "Error" } },
      }),
      () => ({ logs: { "backend-1-b/backend": ["DATABASE_URL is not set"] } }),
    ],
    /ends again and again.*log: DATABASE_URL is not set.*logs deployment\/backend --previous/s,
  ),
  fault(
    "workload-not-ready",
    "a readiness probe that fails",
    [notReady, unhealthy],
    /statuscode: 503/,
  ),
  fault(
    "service-without-endpoints",
    "a Service with another selector",
    [
      change(
        "Service",
        "backend",
        (found) => (found.spec.selector = { "app.kubernetes.io/name": "other" }),
      ),
      noEndpoints("backend"),
    ],
    /0 pods have its labels app\.kubernetes\.io\/name=other/,
  ),
];
