const values = ((globalThis as Record<symbol, unknown>)[Symbol.for("todo-frontend")] ??=
  new Map()) as Map<string, unknown>;

/**
 * Creates a value when it is first needed, once in the process: Next.js may load a module several
 * times, and nothing may be read from the environment while the image is built.
 */
export function once<T>(name: string, create: () => T): () => T {
  return () => {
    if (!values.has(name)) values.set(name, create());
    return values.get(name) as T;
  };
}
