const PATHS = {
  check: "M5 12.5l4.5 4.5L19 7.5",
  chat: "M4 5h16v11H9l-5 4z",
  close: "M6 6l12 12M18 6L6 18",
  details: "M4 7h16M4 12h16M4 17h9",
  edit: "M4 20l1-4L16 5l3 3L8 19z",
  moon: "M20 14.5A8.5 8.5 0 019.5 4 8.5 8.5 0 1020 14.5z",
  plus: "M12 5v14M5 12h14",
  search: "M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM15.5 15.5L20 20",
  send: "M4 12l16-8-6 16-3-7z",
  stop: "M7 7h10v10H7z",
  sun: "M12 8a4 4 0 100 8 4 4 0 000-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M19 5l-1.5 1.5M6.5 17.5L5 19",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  user: "M12 4a4 4 0 100 8 4 4 0 000-8zM4 20c1-4 4-5.5 8-5.5s7 1.5 8 5.5",
};

/** A decoration: screen readers skip it, so its button or text needs a name. */
export function Icon({
  name,
  size = 18,
}: {
  readonly name: keyof typeof PATHS;
  readonly size?: number;
}) {
  return (
    <svg className="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden>
      <path d={PATHS[name]} />
    </svg>
  );
}
