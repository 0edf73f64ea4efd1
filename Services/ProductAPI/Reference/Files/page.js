"use strict";

// Shows openapi.yaml and lets one try it. Only the part of YAML that the document is written in is read.

const base = new URL(".", location.href.replace(/\/docs.*/, "/"));

/** Maps and lists by indentation, flow lists, folded text, plain and single-quoted scalars. */
function readYAML(text) {
  const lines = text.split("\n").filter((line) => line.trim() && !line.trim().startsWith("#"))
    .map((line) => ({ indent: line.search(/\S/), text: line.trim() }));
  let at = 0;

  function scalar(text) {
    if (text.startsWith("[") && text.endsWith("]")) {
      const inside = text.slice(1, -1).trim();
      return inside ? inside.split(/,\s*/).map(scalar) : [];
    }
    if (text.startsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
    if (text === "true" || text === "false") return text === "true";
    if (text === "null") return null;
    return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  }

  function value(text, indent) {
    if (text === ">-") {
      const words = [];
      while (at < lines.length && lines[at].indent > indent) words.push(lines[at++].text);
      return words.join(" ");
    }
    if (text) return scalar(text);
    if (at < lines.length && lines[at].indent > indent) return block(lines[at].indent);
    return null;
  }

  function pair(text) {
    const found = /^('(?:[^']|'')*'|[^:]+(?::[^\s:]+)*):(?:\s+(.*))?$/.exec(text);
    return found && [String(scalar(found[1])), found[2] ?? ""];
  }

  function map(indent, result) {
    while (at < lines.length && lines[at].indent === indent && !lines[at].text.startsWith("- ")) {
      const [key, rest] = pair(lines[at++].text);
      result[key] = value(rest, indent);
    }
    return result;
  }

  function block(indent) {
    if (!lines[at].text.startsWith("- ")) return map(indent, {});
    const list = [];
    while (at < lines.length && lines[at].indent === indent && lines[at].text.startsWith("- ")) {
      const text = lines[at].text.slice(2);
      const first = pair(text);
      if (!first || text.startsWith("[") || text.startsWith("'")) {
        at++;
        list.push(scalar(text));
        continue;
      }
      lines[at] = { indent: indent + 2, text };
      list.push(map(indent + 2, {}));
    }
    return list;
  }

  return block(0);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, text);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Text with its `code` marked as such. */
function prose(text) {
  return (text ?? "").split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

let api;

/** What a `$ref` stands for. */
function resolved(part) {
  if (!part || !part.$ref) return part ?? {};
  return resolved(part.$ref.slice(2).split("/").reduce((found, key) => found?.[key], api));
}

function example(content) {
  if (!content) return undefined;
  if (content.example !== undefined) return content.example;
  if (content.examples) return Object.values(content.examples).map((one) => one.value);
  return resolved(content.schema).example;
}

/** A schema in a few words: its type, its members, what it is made of. */
function shape(schema, depth = 0) {
  const part = resolved(schema);
  if (depth > 5) return "…";
  for (const word of ["oneOf", "anyOf", "allOf"]) {
    if (part[word]) return { [word]: part[word].map((one) => shape(one, depth + 1)) };
  }
  if (part.enum) return part.enum.join(" | ");
  if (part.type === "array") return [shape(part.items, depth + 1)];
  if (part.properties) {
    const required = new Set(part.required ?? []);
    return Object.fromEntries(Object.entries(part.properties).map(([name, one]) =>
      [required.has(name) ? name : name + "?", shape(one, depth + 1)]));
  }
  return [part.type].flat().join(" | ") || "anything";
}

function pretty(value) {
  return element("pre", {}, typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

function authorization(operation) {
  const schemes = operation.security ?? api.security ?? [];
  if (schemes.some((one) => "basic" in one)) {
    const pair = document.getElementById("user").value + ":" + document.getElementById("secret").value;
    return "Basic " + btoa(String.fromCharCode(...new TextEncoder().encode(pair)));
  }
  return schemes.length ? "Bearer " + document.getElementById("bearer").value : null;
}

function tryIt(method, path, operation) {
  const parameters = (operation.parameters ?? []).map(resolved);
  const inputs = parameters.map((one) => {
    const input = element("input", { placeholder: String(one.example ?? "") });
    return { one, input, label: element("label", {}, `${one.name} (${one.in})`, input) };
  });
  const wanted = operation.requestBody && example(operation.requestBody.content?.["application/json"]);
  const body = operation.requestBody ? element("textarea", { spellcheck: "false", "aria-label": "Body" }) : null;
  if (body) body.value = JSON.stringify(wanted ?? {}, null, 2);
  const button = element("button", { type: "button" }, "Try it");
  const answer = element("div", { role: "status" });

  button.addEventListener("click", async () => {
    let target = path;
    const headers = {};
    for (const { one, input } of inputs) {
      if (one.in === "path") target = target.replace(`{${one.name}}`, encodeURIComponent(input.value || one.example));
      if (one.in === "header" && input.value) headers[one.name] = input.value;
    }
    const credentials = authorization(operation);
    if (credentials) headers.Authorization = credentials;
    if (body) headers["Content-Type"] = "application/json";
    answer.replaceChildren("…");
    try {
      const response = await fetch(new URL("." + target, base), {
        method: method.toUpperCase(), headers, body: body ? body.value : undefined, credentials: "omit",
      });
      const text = await response.text();
      let shown = text;
      try { shown = JSON.parse(text); } catch { /* it is no JSON: shown as it is */ }
      const id = response.headers.get("paypal-debug-id");
      answer.replaceChildren(
        element("p", {}, `${response.status} ${response.statusText}${id ? `, paypal-debug-id ${id}` : ""}`), pretty(shown));
    } catch (problem) {
      answer.replaceChildren(element("p", {}, String(problem)));
    }
  });
  return element("div", { class: "try" }, ...inputs.map((one) => one.label), body, button, answer);
}

function answers(operation) {
  const rows = Object.entries(operation.responses).map(([status, part]) => {
    const response = resolved(part);
    const content = Object.values(response.content ?? {})[0];
    const shown = example(content);
    const cell = element("td", {}, ...prose(response.description));
    if (content?.schema) {
      cell.append(element("details", {}, element("summary", {}, "Shape"), pretty(shape(content.schema))));
    }
    if (shown !== undefined) cell.append(pretty(shown));
    return element("tr", {}, element("th", { scope: "row" }, status), cell);
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function section(tag) {
  const made = element("section", {}, element("h2", {}, tag.name), element("p", {}, ...prose(tag.description)));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (!operation.tags?.includes(tag.name)) continue;
      const schema = operation.requestBody?.content?.["application/json"]?.schema;
      made.append(element("details", { id: operation.operationId },
        element("summary", {}, element("b", {}, method.toUpperCase()), element("code", {}, path), ` ${operation.summary}`),
        element("p", {}, ...prose(operation.description)),
        schema ? element("details", {}, element("summary", {}, "Body"), pretty(shape(schema))) : null,
        tryIt(method, path, operation),
        answers(operation)));
    }
  }
  return made;
}

async function show() {
  const main = document.getElementById("reference");
  try {
    const response = await fetch(new URL("./openapi.yaml", base));
    api = readYAML(await response.text());
    main.replaceChildren(element("p", {}, ...prose(api.info.description)), ...api.tags.map(section));
    if (location.hash) document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
  } catch (problem) {
    main.replaceChildren(element("p", {}, `The document could not be shown: ${problem}`));
  }
}

show();
