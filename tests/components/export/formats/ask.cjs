// Asks a TensorFlow.js graph model: `node ask.cjs FOLDER INPUT DTYPE`, with the values as JSON on standard input.
const fs = require("fs");
const path = require("path");
const tf = require("@tensorflow/tfjs-core");
require("@tensorflow/tfjs-backend-cpu");
const { loadGraphModel } = require("@tensorflow/tfjs-converter");

const [folder, input, dtype] = process.argv.slice(2);
const model = JSON.parse(fs.readFileSync(path.join(folder, "model.json")));
const manifest = model.weightsManifest[0];
const data = Buffer.concat(manifest.paths.map((name) => fs.readFileSync(path.join(folder, name))));
const artifacts = {
  format: model.format,
  modelTopology: model.modelTopology,
  signature: model.signature,
  weightSpecs: manifest.weights,
  weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.length),
};

async function main() {
  await tf.setBackend("cpu");
  const loaded = await loadGraphModel({ load: async () => artifacts });
  const asked = tf.tensor(JSON.parse(fs.readFileSync(0)), undefined, dtype);
  const answer = await loaded.executeAsync({ [input]: asked });
  console.log(JSON.stringify(answer.arraySync()));
}

main();
