/**
 * Options of an object that holds data. A deploy never deletes or replaces it, and it stays in the cluster if it leaves the
 * stack. A change that needs another volume is refused until somebody unprotects this one (docs/backup.md, "Move the
 * database").
 */
export const HOLDS_DATA = { protect: true, retainOnDelete: true } as const;
