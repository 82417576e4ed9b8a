/** Alerts about the services, by their own metrics. */
import { critical, warning, type Case, type Series } from "./case.ts";

const served = (job: string, status: string, values: string, route = "/api/tasks"): Series => [
  "http_requests_total",
  { job, pod: `${job}-1`, method: "GET", route, status },
  values,
];
/** Requests that took up to a second, and all of them; Node.js and Python write the bucket in their own way. */
const timed = (job: string, le: string, quick: string, all: string, route: string): Series[] => {
  const labels = { job, pod: `${job}-1`, method: "GET", route };
  return [
    ["http_request_duration_seconds_bucket", { ...labels, le }, quick],
    ["http_request_duration_seconds_count", labels, all],
  ];
};
const up = (job: string, values: string): Series => ["up", { job, pod: `${job}-1` }, values];
const errors = "backend answers 9.091% of the requests with an error (5xx)";
const slow = (job: string) => `${job} answers 50% of the requests in more than 1 s`;

export const SERVICE_CASES: readonly Case[] = [
  {
    alert: "AppDown",
    when: "no pod of a service can be scraped",
    series: [up("frontend", "1x20"), up("backend", "0x20")],
    at: "10m",
    raised: [critical({ job: "backend" }, "Prometheus reaches no pod of backend in todo-app-dev")],
  },
  {
    alert: "AppDown",
    when: "one of two pods answers, and after a short while",
    series: [
      up("frontend", "1x20"),
      ["up", { job: "backend", pod: "backend-1" }, "0x20"],
      ["up", { job: "backend", pod: "backend-2" }, "0 0 0 1x20"],
    ],
    at: "10m",
  },
  {
    alert: "AppErrors",
    when: "a tenth of the requests fails",
    series: [served("backend", "200", "0+100x180"), served("backend", "500", "0+10x180")],
    at: "2h",
    raised: [critical({ job: "backend" }, errors), warning({ job: "backend" }, errors)],
  },
  {
    alert: "AppErrors",
    when: "fewer fail than the budget allows, or few at night, or only probes",
    series: [
      served("backend", "200", "0+2000x180"),
      served("backend", "500", "0+1x180"),
      served("frontend", "200", "0+1x30 30x150"),
      served("frontend", "500", "0+1x5 5x175"),
      served("backend", "503", "0+100x180", "/health/ready"),
    ],
    at: "2h",
  },
  {
    alert: "AppSlow",
    when: "half of the requests takes longer than a second",
    series: [
      ...timed("backend", "1.0", "0+50x180", "0+100x180", "/api/tasks"),
      ...timed("frontend", "1", "0+50x180", "0+100x180", "/"),
    ],
    at: "2h",
    raised: ["backend", "frontend"].flatMap((job) => [
      critical({ job }, slow(job)),
      warning({ job }, slow(job)),
    ]),
  },
  {
    alert: "AppSlow",
    when: "only answers of the assistant take long",
    series: [
      ...timed("backend", "1.0", "0+0x180", "0+100x180", "/api/chat"),
      ...timed("backend", "1.0", "0+100x180", "0+100x180", "/api/tasks"),
    ],
    at: "2h",
  },
  {
    alert: "AppDatabaseConnections",
    when: "all connections of a pod are in use for minutes",
    series: [
      ["db_pool_connections", { job: "backend", pod: "backend-1", state: "in_use" }, "5x20"],
      ["db_pool_size", { job: "backend", pod: "backend-1" }, "5x20"],
    ],
    at: "10m",
    raised: [
      warning(
        { job: "backend", pod: "backend-1" },
        "Every database connection of pod backend-1 has been in use for 5 minutes: requests wait for one",
      ),
    ],
  },
  {
    alert: "AppDatabaseConnections",
    when: "one of them becomes free, or all are idle",
    series: [
      ["db_pool_connections", { job: "backend", pod: "a", state: "in_use" }, "5 5 5 4 5x20"],
      ["db_pool_connections", { job: "backend", pod: "b", state: "idle" }, "5x20"],
      ["db_pool_size", { job: "backend", pod: "a" }, "5x20"],
      ["db_pool_size", { job: "backend", pod: "b" }, "5x20"],
    ],
    at: "8m",
  },
  {
    alert: "AppAssistantFails",
    when: "most answers have failed",
    series: [
      ["todo_assistant_answers_total", { pod: "a", outcome: "failed" }, "0+3x60"],
      ["todo_assistant_answers_total", { pod: "a", outcome: "answered" }, "0+1x60"],
    ],
    at: "30m",
    raised: [warning({}, "75% of the assistant's answers have failed")],
  },
  {
    alert: "AppAssistantFails",
    when: "users have used up their tokens",
    series: [
      ["todo_assistant_answers_total", { pod: "a", outcome: "failed" }, "0x60"],
      ["todo_assistant_answers_total", { pod: "a", outcome: "limited" }, "0+9x60"],
      ["todo_assistant_answers_total", { pod: "a", outcome: "answered" }, "0+1x60"],
    ],
    at: "30m",
  },
];
