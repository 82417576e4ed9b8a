const values = ((globalThis as Record<symbol, unknown>)[Symbol.for("todo-frontend")] ??=
  new Map()) as Map<string, unknown>;

/**
 * Creates a value when it is first needed, and only once in the process. A module's top level would
 * not do: Next.js may load a module several times, and also loads it while the image is built, when
 * there are no settings.
 */
export function once<T>(name: string, create: () => T): () => T {
  return () => {
    if (!values.has(name)) values.set(name, create());
    return values.get(name) as T;
  };
}
