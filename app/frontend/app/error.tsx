"use client";

/** Shown when rendering itself fails; errors of the API are shown beside the tasks. */
export default function ErrorPage({ reset }: { readonly reset: () => void }) {
  return (
    <main>
      <h1>Something went wrong</h1>
      <p role="alert">The page could not be shown.</p>
      <button type="button" onClick={reset}>
        Try again
      </button>
    </main>
  );
}
