"use client";

import { Button, Container, Stack, Text, Title } from "@mantine/core";

/** Shown if rendering fails. Errors of the API are shown beside the tasks instead. */
export default function ErrorPage({ reset }: { readonly reset: () => void }) {
  return (
    <Container component="main" size="xs" py="20vh">
      <Stack align="center" ta="center">
        <Title order={1}>Something went wrong</Title>
        <Text role="alert">The page could not be shown.</Text>
        <Button onClick={reset}>Try again</Button>
      </Stack>
    </Container>
  );
}
