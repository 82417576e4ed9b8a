import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { contentHash } from "../../components/buildContext.ts";

describe("the hash of a build's content", () => {
  let context: string;
  const write = (path: string, text = path) => {
    mkdirSync(dirname(join(context, path)), { recursive: true });
    writeFileSync(join(context, path), text);
  };
  const hash = (settings: readonly string[] = []) => contentHash(context, settings);
  /** Whether the hash changes with the action. */
  const changes = (action: () => void) => {
    const before = hash();
    action();
    return hash() !== before;
  };

  beforeEach(() => {
    context = mkdtempSync(join(tmpdir(), "context-"));
    for (const path of ["Dockerfile", "app/main.py", "app/data/names.txt", "notes.md"]) write(path);
  });
  afterEach(() => rmSync(context, { recursive: true }));

  it("is the same in another checkout, at another time", () => {
    const copy = mkdtempSync(join(tmpdir(), "context-"));
    cpSync(context, copy, { recursive: true });
    utimesSync(join(copy, "app/main.py"), 1, 1);
    chmodSync(join(copy, "app/main.py"), 0o600);
    assert.equal(contentHash(copy, []), hash());
    rmSync(copy, { recursive: true });
  });

  it("changes with a file's content, name, executable bit or link target, and with the build's settings", () => {
    assert.ok(changes(() => write("app/main.py", "other")));
    assert.ok(changes(() => write("app/new.py")));
    assert.ok(changes(() => chmodSync(join(context, "app/main.py"), 0o755)));
    assert.ok(changes(() => symlinkSync("main.py", join(context, "app/link.py"))));
    assert.notEqual(hash(["linux/amd64"]), hash(["linux/arm64"]));
  });

  it("can count all bits of the modes, for which Pulumi's docker plugin builds again", () => {
    const exact = () => contentHash(context, [], { allModes: true });
    const before = [hash(), exact()];
    chmodSync(join(context, "app/main.py"), 0o660);
    assert.equal(hash(), before[0]);
    assert.notEqual(exact(), before[1]);
  });

  it("leaves out ignored files, but not the exceptions among them", () => {
    write(".dockerignore", "# all\n*\n!app\n**/*.pyc\napp/data/*\n!app/data/names.txt\n");
    for (const path of ["notes.md", "node_modules/x/index.js", "app/main.pyc", "app/data/big.bin"])
      assert.ok(!changes(() => write(path, "other")), path);
    for (const path of ["app/main.py", "app/deep/er/new.py", "app/data/names.txt"])
      assert.ok(
        changes(() => write(path, "other")),
        path,
      );
  });

  it("applies a pattern without wildcards only to the top folder of the context", () => {
    write(".dockerignore", "tests\n");
    assert.ok(!changes(() => write("tests/one.py")));
    assert.ok(changes(() => write("app/tests/one.py")));
  });

  it("changes with the Dockerfile and .dockerignore, which Docker reads even if they are ignored", () => {
    write(".dockerignore", "Dockerfile\n.dockerignore\n");
    assert.ok(changes(() => write("Dockerfile", "FROM other")));
    assert.ok(changes(() => write(".dockerignore", "Dockerfile\n")));
  });
});
