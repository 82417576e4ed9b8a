import { Anchor, Container, Stack, Text, Title } from "@mantine/core";

export default function NotFound() {
  return (
    <Container component="main" size="xs" py="20vh">
      <Stack align="center" ta="center">
        <Title order={1}>Page not found</Title>
        <Text>
          There is nothing at this address.{" "}
          <Anchor href="/" underline="always">
            Go to the tasks
          </Anchor>
          .
        </Text>
      </Stack>
    </Container>
  );
}
