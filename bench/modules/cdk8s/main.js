/** A cdk8s app of the objects in a folder. Usage: node main.js <folder> <folder of the manifest> */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ApiObject, App, Chart, Yaml } from "cdk8s";

const [, , objects, outdir] = process.argv;
const app = new App({ outdir });
const chart = new Chart(app, "bench");
for (const name of readdirSync(objects))
  for (const object of Yaml.load(join(objects, name))) new ApiObject(chart, name, object);
app.synth();
