import { ColorSchemeScript, mantineHtmlProps } from "@mantine/core";
import type { Metadata, Viewport } from "next";
import { headers } from "next/headers";
import type { ReactNode } from "react";
import { Providers } from "@/components/Providers";
import { settings } from "@/lib/settings";
import "./mantine.css";
import "./globals.css";
import "./tasks.css";
import "./assistant.css";

// Every page is rendered for each request: its content is current, and its scripts carry the nonce
// of the response.
export const dynamic = "force-dynamic";

export const metadata: Metadata = {
  title: { default: "Todo", template: "%s – Todo" },
  description: "A list of things to do, with an assistant",
};

export const viewport: Viewport = {
  colorScheme: "light dark",
};

export default async function RootLayout({ children }: { readonly children: ReactNode }) {
  const nonce = (await headers()).get("x-nonce") ?? "";
  return (
    <html lang="en" data-release-track={settings().RELEASE_TRACK} {...mantineHtmlProps}>
      <head>
        <ColorSchemeScript defaultColorScheme="auto" nonce={nonce} />
      </head>
      <body>
        <Providers nonce={nonce}>{children}</Providers>
      </body>
    </html>
  );
}
