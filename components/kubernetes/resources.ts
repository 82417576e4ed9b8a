/** Quantities of CPU and memory. */

/** CPU and memory of one container, as Kubernetes quantities. */
export interface ContainerResources {
  readonly requests: { readonly cpu: string; readonly memory: string };
  readonly limits: { readonly cpu?: string; readonly memory: string };
}

/** Suffixes of a quantity: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A number, with an exponent, a suffix or neither. Quantities of resources have no minus sign. */
export const QUANTITY = /^\+?(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?$/;

/** A Kubernetes quantity as a number: "250m" → 0.25, "1Gi" → 1073741824, "2e3" → 2000; NaN for anything else. */
export function quantityOf(text: string): number {
  const [, number, exponent, suffix = ""] = QUANTITY.exec(text) ?? [];
  return number === undefined ? NaN : Number(number + (exponent ?? "")) * SUFFIXES[suffix]!;
}

/** A CPU quantity in millicores: "250m" → 250, "1.5" → 1500. Fractions of a millicore are kept: "1500u" → 1.5. */
export const cpuMillicores = (quantity: string) =>
  // Rounding removes the floating-point error of products such as 0.29 * 1000.
  Number((quantityOf(quantity) * 1000).toFixed(6));

/** A memory quantity in bytes: "128Mi" → 134217728. */
export const memoryBytes = (quantity: string) => quantityOf(quantity);
