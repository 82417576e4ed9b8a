"use client";

import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { type ReactNode, useState } from "react";
import { cssVariables, theme } from "@/components/theme";

const STALE_AFTER_MS = 30_000;

interface ProvidersProps {
  readonly nonce: string;
  readonly children: ReactNode;
}

export function Providers({ nonce, children }: ProvidersProps) {
  const [queryClient] = useState(() => {
    // Mantine's dialogs add a style element against scrolling, which needs the nonce
    setNonce(nonce);
    const queries = { staleTime: STALE_AFTER_MS, retry: false };
    return new QueryClient({ defaultOptions: { queries } });
  });
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queryClient}>{children}</QueryClientProvider>
      <Notifications position="bottom-center" autoClose={8_000} limit={3} />
    </MantineProvider>
  );
}
