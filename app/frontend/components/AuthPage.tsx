import { Alert, Anchor, Container, Paper, Stack, Text, Title } from "@mantine/core";
import { headers } from "next/headers";
import { redirect } from "next/navigation";
import { AuthForm } from "@/components/AuthForm";
import { Brand } from "@/components/Brand";
import { currentUser } from "@/lib/auth";

interface AuthPageProps {
  readonly mode: "sign-in" | "sign-up";
  readonly expired?: boolean;
}

export async function AuthPage({ mode, expired = false }: AuthPageProps) {
  // if the database does not answer, the form is shown and reports the error when it is sent
  if (await currentUser(new Headers(await headers())).catch(() => null)) redirect("/");
  const isSignIn = mode === "sign-in";
  return (
    <Container component="main" size={420} py="12vh">
      <Stack gap="lg">
        <Brand />
        {expired && (
          <Alert title="Your session has ended" role="status">
            Sign in again to go on. What you were typing is kept in this tab.
          </Alert>
        )}
        <Paper className="card" p="xl">
          <Title order={1} size="h2" mb="md">
            {isSignIn ? "Sign in" : "Create an account"}
          </Title>
          <AuthForm mode={mode} />
        </Paper>
        <Text ta="center">
          {isSignIn ? "New here? " : "Already have an account? "}
          <Anchor href={isSignIn ? "/sign-up" : "/sign-in"} underline="always">
            {isSignIn ? "Create an account" : "Sign in"}
          </Anchor>
        </Text>
      </Stack>
    </Container>
  );
}
