/** The names by which what was made for this measurement is found again, also after a run that was ended. */

/** Label and taint of the nodes that no machine stands for. bench/fake-nodes.sh sets both. */
export const FAKE = "todo-app/fake";

/** Namespace of a copy, before its number. */
export const NAMESPACE_PREFIX = "todo-app-copy-";
