"use client";

import { Alert, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useActionState, useEffect, useRef } from "react";
import { authenticate, type Mode, NOTHING_TYPED } from "@/lib/authenticate";

export function AuthForm({ mode }: { readonly mode: Mode }) {
  const [{ values, problems }, submit, pending] = useActionState(
    authenticate.bind(null, mode),
    NOTHING_TYPED,
  );
  const form = useFocusOnProblem(problems);
  const field = (name: keyof typeof values) => ({
    name,
    defaultValue: values[name],
    error: problems[name],
  });
  return (
    <form ref={form} action={submit} noValidate>
      <Stack>
        {problems.form && (
          <Alert color="red" role="alert">
            {problems.form}
          </Alert>
        )}
        {mode === "sign-up" && <TextInput {...field("name")} label="Name" autoComplete="name" />}
        <TextInput {...field("email")} type="email" label="E-mail" autoComplete="email" />
        <PasswordInput
          {...field("password")}
          label="Password"
          description={mode === "sign-up" ? "8 to 128 characters" : undefined}
          autoComplete={mode === "sign-up" ? "new-password" : "current-password"}
          visibilityToggleButtonProps={{ "aria-label": "Show the password", tabIndex: 0 }}
        />
        <Button type="submit" loading={pending} mt="xs">
          {mode === "sign-in" ? "Sign in" : "Create account"}
        </Button>
      </Stack>
    </form>
  );
}

function useFocusOnProblem(problems: object) {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [problems]);
  return form;
}
