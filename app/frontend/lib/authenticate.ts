export type Mode = "sign-in" | "sign-up";

type Field = "name" | "email" | "password";

export interface Attempt {
  readonly values: Readonly<Record<Field, string>>;
  readonly problems: Readonly<Partial<Record<Field | "form", string>>>;
}

export const NOTHING_TYPED: Attempt = {
  values: { name: "", email: "", password: "" },
  problems: {},
};

/**
 * Signs in or up with the values of the form, and opens the tasks. Otherwise returns the problems.
 */
export async function authenticate(mode: Mode, _: Attempt, form: FormData): Promise<Attempt> {
  const read = (field: Field) => String(form.get(field) ?? "");
  const values = {
    name: read("name").trim(),
    email: read("email").trim(),
    password: read("password"),
  };
  const problems = mode === "sign-up" ? problemsOf(values) : {};
  if (Object.keys(problems).length > 0) return { values, problems };
  try {
    const response = await fetch(`/api/auth/${mode}/email`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(values),
    });
    if (!response.ok) return { values, problems: await refusal(response) };
  } catch {
    const form = "The server can't be reached. Check the connection and try again.";
    return { values, problems: { form } };
  }
  window.location.assign("/");
  return new Promise(() => {});
}

function problemsOf({ name, email, password }: Attempt["values"]): Attempt["problems"] {
  const length = password.length;
  return {
    ...(name === "" && { name: "Enter your name." }),
    ...(!/^\S+@\S+\.\S+$/.test(email) && { email: "Enter an address like ada@example.com." }),
    ...((length < 8 || length > 128) && {
      password: `A password has 8 to 128 characters; this one has ${length}.`,
    }),
  };
}

async function refusal(response: Response): Promise<Attempt["problems"]> {
  if (response.status === 429) {
    const seconds = response.headers.get("x-retry-after") ?? "60";
    return { form: `Too many attempts. Try again in ${seconds} seconds.` };
  }
  const { code } = (await response.json().catch(() => ({}))) as { code?: string };
  switch (code) {
    case "INVALID_EMAIL_OR_PASSWORD":
      return { form: "The e-mail or the password is wrong." };
    case "INVALID_EMAIL":
    case "VALIDATION_ERROR":
      return { email: "Enter an address like ada@example.com." };
    case "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL":
      return { email: "There is an account with this address already. Sign in instead." };
    default:
      return { form: "Accounts are not available right now. Try again in a moment." };
  }
}
