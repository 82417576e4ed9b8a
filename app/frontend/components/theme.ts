import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

/**
 * Shades from light to dark. They give text a contrast of at least 4.5, and edges of controls one
 * of 3.
 */
const palette = (...shades: MantineColorsTuple): MantineColorsTuple => shades;

const iris = palette(
  "#f0f1ff",
  "#dfe2fc",
  "#c3c9fb",
  "#aab3fa",
  "#7c88ee",
  "#5965de",
  "#4553d4",
  "#3a47bd",
  "#333fa6",
  "#28338c",
);
const gray = palette(
  "#f7f7fa",
  "#eff0f5",
  "#e3e4ec",
  "#d5d7e1",
  "#868ca3",
  "#6b7188",
  "#5a6077",
  "#474c60",
  "#333747",
  "#1f2230",
);
const dark = palette(
  "#e6e8f1",
  "#c6cad9",
  "#a5abc0",
  "#959cb3",
  "#6f7690",
  "#313647",
  "#242835",
  "#1b1e29",
  "#15171f",
  "#0f1118",
);

export const theme = createTheme({
  primaryColor: "iris",
  primaryShade: { light: 6, dark: 5 },
  colors: { iris, gray, dark },
  black: "#1d2030",
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
  headings: { fontWeight: "650" },
  respectReducedMotion: true,
});

export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--app-page": "#f5f5f9",
    "--app-edge": "#e3e4ec",
    "--app-warm": "#a8321f",
    "--mantine-color-error": "#b3261e",
  },
  dark: {
    "--app-page": "#12141c",
    "--app-edge": "#2d3140",
    "--app-warm": "#ffb09f",
    "--mantine-color-error": "#ff9d94",
    "--mantine-color-anchor": "var(--mantine-color-iris-3)",
  },
});
