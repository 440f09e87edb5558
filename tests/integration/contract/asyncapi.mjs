// Parses an AsyncAPI document with the official parser, and prints what it found as JSON.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, file] = process.argv.slice(2);
const { Parser } = createRequire(`${modules}/`)("@asyncapi/parser");
const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
const channels = document?.channels().all().map((each) => [each.address(), each.messages().all().length]);
const found = diagnostics.map(({ code, message, path, severity }) => ({ code, message, path, severity }));
console.log(JSON.stringify({ channels, found }));
