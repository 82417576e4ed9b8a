/** What is watched of the todo app itself: what people do with it, and what its assistant costs. */
import type { AppMonitoring } from "../components/monitoring.ts";
import { RATE, type Panel } from "../components/monitoring/panels.ts";
import type { Scope } from "../components/monitoring/scope.ts";

const ANSWERS = "todo_assistant_answers_total";
const TOKENS = "todo_assistant_tokens_total";

function panelsOf({ of }: Scope): Panel[] {
  const row = "Use";
  const inAnHour = (metric: string) => `sum(increase(${metric}${of()}[1h]))`;
  return [
    {
      row,
      title: "New accounts and tasks, in an hour",
      unit: "none",
      queries: [
        { expr: inAnHour("todo_accounts_created_total"), legend: "accounts" },
        { expr: inAnHour("todo_tasks_created_total"), legend: "tasks" },
        { expr: inAnHour("todo_tasks_completed_total"), legend: "tasks completed" },
      ],
    },
    {
      row,
      title: "Answers of the assistant",
      unit: "reqps",
      queries: [
        { expr: `sum by (outcome) (rate(${ANSWERS}${of()}[${RATE}]))`, legend: "{{outcome}}" },
      ],
    },
    {
      row,
      title: "Cost of the language model, in a day",
      unit: "currencyUSD",
      queries: [
        { expr: `sum(increase(${TOKENS}${of()}[1d])) / 1e6 * $price`, legend: "tokens × price" },
      ],
    },
  ];
}

/** The alerts, panels and variables that only this app has. */
export const appMonitoring = (scope: Scope): AppMonitoring => {
  const answers = (...matchers: readonly string[]) =>
    `sum by (namespace) (increase(${ANSWERS}${scope.of(...matchers)}[15m]))`;
  const failed = answers('outcome="failed"');
  return {
    alerts: [
      {
        name: "AppAssistantFails",
        severity: "warning",
        expr: `${failed} / ${answers()} > 0.5 and ${failed} >= 5`,
        for: "5m",
        summary: "{{ $value | humanizePercentage }} of the assistant's answers have failed",
      },
    ],
    panels: panelsOf(scope),
    variables: [{ name: "price", label: "US$ per million tokens", value: "1" }],
  };
};
