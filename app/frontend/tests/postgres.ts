import { execFileSync } from "node:child_process";
import { chownSync, globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { promisify } from "node:util";

/** An address of this machine that the server's certificate does not name. */
export const OTHER_NAME = "127.0.0.2";

/**
 * A temporary PostgreSQL that accepts only TLS. In its directory, `ca.crt` is the CA that signed
 * its certificate, and `other-ca.crt` is one that did not.
 */
export class TlsServer {
  readonly directory = mkdtempSync(`${tmpdir()}/todo-tls-`);
  port = 0;
  private readonly programs = globSync("/usr/lib/postgresql/*/bin").toSorted().at(-1) ?? "";
  // PostgreSQL refuses to run as root
  private readonly user = process.getuid?.() === 0 ? idOf("postgres") : undefined;

  async start(): Promise<void> {
    this.port = await freePort();
    this.makeCertificates();
    if (this.user) {
      for (const name of ["", "/server.key"])
        chownSync(this.directory + name, this.user.uid, this.user.gid);
    }
    const data = `${this.directory}/data`;
    this.run("initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync");
    writeFileSync(`${data}/pg_hba.conf`, "hostssl all all all trust\n");
    const options = {
      fsync: "off",
      listen_addresses: `127.0.0.1,${OTHER_NAME}`,
      port: this.port,
      unix_socket_directories: this.directory,
      ssl: "on",
      ssl_cert_file: `${this.directory}/server.crt`,
      ssl_key_file: `${this.directory}/server.key`,
    };
    const given = Object.entries(options).map(([name, value]) => `-c ${name}=${value}`);
    const log = `${this.directory}/log`;
    this.run("pg_ctl", "-D", data, "-o", given.join(" "), "-l", log, "-w", "start");
  }

  stop(): void {
    this.run("pg_ctl", "-D", `${this.directory}/data`, "-m", "immediate", "stop");
    rmSync(this.directory, { recursive: true });
  }

  private makeCertificates(): void {
    const make = (name: string, ...more: string[]) =>
      execFileSync(
        "openssl",
        `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=${name} -keyout ${name}.key -out ${name}.crt`
          .split(" ")
          .concat(more),
        { cwd: this.directory, stdio: "pipe" },
      );
    make("ca");
    make("other-ca");
    const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    make("server", "-CA", "ca.crt", "-CAkey", "ca.key", "-addext", names);
  }

  private run(program: string, ...parameters: string[]): void {
    // not a pipe: the started server would inherit it and keep it open
    const options = { ...this.user, cwd: "/", stdio: "ignore" } as const;
    execFileSync(`${this.programs}/${program}`, parameters, options);
  }
}

function idOf(user: string) {
  const id = (flag: string) => Number(execFileSync("id", [flag, user]).toString());
  return { uid: id("-u"), gid: id("-g") };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await promisify(server.close.bind(server))();
  return port;
}
