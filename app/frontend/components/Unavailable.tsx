import { Button, Container, Stack, Text, Title } from "@mantine/core";

/** Shown instead of the page if the session cannot be read. */
export function Unavailable() {
  return (
    <Container component="main" size="xs" py="20vh">
      <Stack align="center" ta="center">
        <Title order={1}>Back in a moment</Title>
        <Text role="alert">
          Your tasks are safe, but the service that keeps them is not answering right now.
        </Text>
        <Button component="a" href="">
          Try again
        </Button>
      </Stack>
    </Container>
  );
}
