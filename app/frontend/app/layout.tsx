import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import "./globals.css";

// Every page is rendered when it is asked for: what it shows is of that moment, and its scripts
// carry the nonce of that response.
export const dynamic = "force-dynamic";

export const metadata: Metadata = {
  title: "Todo",
  description: "A list of things to do",
};

export const viewport: Viewport = {
  colorScheme: "light dark",
};

export default function RootLayout({ children }: { readonly children: ReactNode }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
