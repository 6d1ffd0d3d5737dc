// Makes expressions and evaluates them with GitHub's own @actions/expressions.
//
//   node oracle.mjs PACKAGES COUNT SEED
//
// Prints JSON lines: first the sets of contexts, then for each expression which set it sees and what came of it: `value` in a
// canonical form, or `error` (the description of a parse error, or "evaluation"), and `met`, the names of the differences to the
// runner's engine that it came upon. Those are found while it works, at the place where they arise, and explained in
// differences.txt. The expressions depend on the seed alone.
import {pathToFileURL} from "node:url";

const [, , packages, count, seed] = process.argv;
const load = name => import(pathToFileURL(`${packages}/node_modules/@actions/expressions/dist/${name}.js`));
const {data, Evaluator, ExpressionError, Lexer, Parser, wellKnownFunctions} = await load("index");

// ---- What differs, noticed where it happens ----

let met = new Set();

/// At most 15 digits, as .NET's G15 writes them.
function g15(number) {
  if (number === 0) return "0";
  if (!Number.isFinite(number)) return String(number);
  const [digits, exponent] = number.toExponential(14).split("e");
  const power = Number(exponent);
  if (power >= -5 && power < 15) return String(Number(number.toPrecision(15)));
  const shown = String(Number(digits));
  return `${shown}E${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/// The number that a text is for the runner (actions.md 7.2). Its blanks are .NET's.
function parsedNumber(text) {
  const blank = "[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*";
  const trimmed = text.replace(new RegExp(`^${blank}`), "").replace(new RegExp(`${blank}$`), "");
  if (trimmed === "") return 0;
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(trimmed)) return Number(trimmed);
  const bits = (digits, base) => {
    const value = parseInt(digits, base);
    return value > 0xffffffff ? NaN : value | 0;
  };
  if (/^0x[0-9a-fA-F]+$/.test(trimmed)) return bits(trimmed.slice(2), 16);
  if (/^0o[0-7]+$/.test(trimmed)) return bits(trimmed.slice(2), 8);
  if (/^[+-]?infinity$/i.test(trimmed)) return trimmed[0] === "-" ? -Infinity : Infinity;
  return NaN;
}

function replace(object, name, make) {
  object[name] = make(object[name]);
}

replace(data.NumberData.prototype, "coerceString", inner => function () {
  const text = inner.call(this);
  if (text !== g15(this.value)) met.add("number-text");
  return text;
});
replace(data.StringData.prototype, "number", inner => function () {
  const number = inner.call(this);
  if (!Object.is(number, parsedNumber(this.value))) met.add("number-syntax");
  return number;
});
replace(Lexer.prototype, "consumeString", inner => function () {
  inner.call(this);
  const written = this.tokens.at(-1);
  if ((written.lexeme.slice(1, -1).match(/''/g) ?? []).length > 1) met.add("quote-pairs");
});
replace(Evaluator.prototype, "visitFunctionCall", inner => function (call) {
  for (const argument of call.args) {
    try {
      this.eval(argument);
    } catch (error) {
      met.add("eager");
      throw error;
    }
  }
  return inner.call(this, call);
});
replace(Evaluator.prototype, "visitIndexAccess", inner => function (access) {
  try {
    return inner.call(this, access);
  } catch (error) {
    if (error.message.startsWith("could not evaluate index")) met.add("eager");
    throw error;
  }
});

/// Looks at every value in a value.
function walk(value, look) {
  look(value);
  if (value.kind === data.Kind.Array) value.values().forEach(item => walk(item, look));
  if (value.kind === data.Kind.Dictionary) {
    for (const {key, value: member} of value.pairs()) {
      look(new data.StringData(key));
      walk(member, look);
    }
  }
}
const isIndex = key => /^(0|[1-9]\d*)$/.test(key);

replace(wellKnownFunctions.tojson, "call", inner => (...args) => {
  walk(args[0], value => {
    if (value.kind === data.Kind.Number && JSON.stringify(value.value) !== g15(value.value)) met.add("number-text");
    if (value.kind === data.Kind.String && /[\u0085\u2028\u2029]/.test(value.value)) met.add("json-escape");
    if (value.kind === data.Kind.Dictionary && value.keys.length > 1 && value.keys.some(isIndex)) met.add("integer-keys");
  });
  return inner(...args);
});
replace(wellKnownFunctions.fromjson, "call", inner => (...args) => {
  let result;
  try {
    result = inner(...args);
  } catch (error) {
    met.add("lenient-json");
    throw error;
  }
  JSON.parse(args[0].coerceString(), (_key, value) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
    const keys = Object.keys(value);
    if (new Set(keys.map(key => key.toLowerCase())).size < keys.length) met.add("json-duplicates");
    if (keys.length > 1 && keys.some(isIndex)) met.add("integer-keys");
    return value;
  });
  return result;
});
replace(wellKnownFunctions.format, "call", inner => (...args) => {
  const format = args[0].coerceString();
  if (/\{\d+[^\d}]/.test(format) || /\{0*(25[6-9]|2[6-9]\d|[3-9]\d\d|[1-9]\d{3,})\}/.test(format)) met.add("format-placeholder");
  return inner(...args);
});

// ---- Evaluation ----

function canonical(value) {
  switch (value.kind) {
    case data.Kind.Null:
      return "null";
    case data.Kind.Boolean:
      return String(value.value);
    case data.Kind.Number: {
      if (Number.isNaN(value.value)) return "#NaN";
      const bits = new BigUint64Array(new Float64Array([value.value === 0 ? 0 : value.value]).buffer)[0];
      return `#${bits.toString(16)}`;
    }
    case data.Kind.String:
      return `${Buffer.byteLength(value.value)}:${value.value}`;
    case data.Kind.Array:
      return `[${value.values().map(canonical).join(",")}]`;
    case data.Kind.Dictionary:
      return `{${value.pairs().map(pair => canonical(new data.StringData(pair.key)) + "=" + canonical(pair.value)).join(",")}}`;
  }
  throw new Error(`a value of kind ${value.kind}`);
}

function toData(value) {
  if (value === null) return new data.Null();
  if (typeof value === "string") return new data.StringData(value);
  if (typeof value === "number") return new data.NumberData(value);
  if (typeof value === "boolean") return new data.BooleanData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(toData));
  return new data.Dictionary(...Object.entries(value).map(([key, member]) => ({key, value: toData(member)})));
}

/// Differences that lie in the text alone.
function lookAtText(expression) {
  const outside = expression.replace(/'(?:[^']|'')*'?/g, "''");
  if (/,\s*\)/.test(outside)) met.add("trailing-comma");
  if (/\[\s*\*\s*[^\]\s]/.test(outside)) met.add("star-operand");
  if (/[\v\f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/.test(outside)) met.add("white-space");
  if (/[\u00df\u017f\u0130\u03c2\u212a]/.test(expression)) met.add("case-mapping");
}

function evaluated(expression, contexts) {
  met = new Set();
  lookAtText(expression);
  let tree;
  try {
    const {tokens} = new Lexer(expression).lex();
    tree = new Parser(tokens, contexts.keys, []).parse();
  } catch (error) {
    const at = error instanceof ExpressionError ? error.pos.column : Number(/Located at position (\d+)/.exec(error.message)?.[1] ?? 1) - 1;
    const atEnd = error instanceof ExpressionError && error.message.endsWith("'EOF'");
    return {error: error.message.split(":")[0], message: error.message, at, atEnd, met: [...met]};
  }
  try {
    return {value: tree === undefined ? "null" : canonical(new Evaluator(tree, contexts).evaluate()), met: [...met]};
  } catch (error) {
    return {error: "evaluation", message: error.message, met: [...met]};
  }
}

// ---- Expressions ----

// mulberry32
let state = Number(seed) >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = bound => Math.floor(random() * bound);
const pick = list => list[below(list.length)];
const chance = percent => random() * 100 < percent;

const contextSets = [
  {
    github: {ref: "refs/heads/main", event: {action: "opened", number: 7, labels: [{name: "bug"}, {Name: "feature"}, {color: "red"}], draft: false}},
    env: {A: "x", EMPTY: "", LONG: "The quick brown fox"},
    steps: {a: {outputs: {v: "1"}, outcome: "success"}, b: {outputs: {V: "2", w: ""}, outcome: "failure"}},
    o: {p: {NAME: "x"}, q: {name: "y"}, r: [{name: "z"}]},
    l: [0, 1, 2],
  },
  {
    d: [[1, 2], {"1": "k"}, "ab", [3], null, true],
    o: {one: 1, two: 2.5, three: -3, nan: "NaN", t: true, f: false, n: null, s: "Text", list: [1, [2, [3]]], nested: {a: {b: {c: "deep"}}}},
    t: {items: [{tags: ["a", "b"]}, {tags: {k: "c"}}, {tags: "s"}, 7]},
    s: "Straight TEXT, ä Ж 日本 🚀",
    e: [],
    z: {},
    n: null,
  },
];

const names = set => Object.keys(contextSets[set]);
const properties = ["ref", "event", "action", "number", "labels", "name", "Name", "draft", "A", "EMPTY", "outputs", "outcome", "v", "V", "a", "b", "c", "p", "q",
  "r", "one", "two", "n", "s", "list", "nested", "items", "tags", "k", "missing", "true", "null", "x-y", "_"];
const numbers = ["0", "1", "-1", "2", "3", "7", "1.5", "-0", ".5", "5.", "1e3", "1E-2", "0x1F", "0o17", "00012", "+1", "2.5", "-3", "100", "1e2", "0.1", "1.e3",
  "-.5", "9007199254740992", "0x7fffffff", "123456789012345", "0.0001", "1.0"];
const strangeNumbers = ["1e15", "1e21", "1e-7", "123456789.123456789", "0xFFFFFFFF", "0x80000000", "NaN", "Infinity", "-Infinity", "+Infinity", "-infinity", "1e400",
  "-1e400", "1e-400", "0o37777777777", "0XFF", "0b1", "0xfffffffff", "9007199254740993", "1e-16", "0.30000000000000004"];
const badNumbers = ["1.2.3", "1a", "0x", "0xg", "1e", "1e+", "-", "+", "-a", "1_0", "-0x1", "--1", ".", "1-2"];
const strings = ["", "a", "A", "abc", "ABC", "b", "true", "false", "null", "0", "1", " 1 ", "0x10", "1e3", "-1", "2.50", "x", "y", "z", "k", "name", "ä", "Ä", "ж", "Ж", "σ", "Σ",
  "日本", "🚀", "a_b", "aXb", "it''s", "''", "{0}", "{", "}", "{{0}}", "x,y", " ", "refs/heads/", "MAIN", "success", "The quick", "FOX", "text", "1,2",
  "NaN", "Infinity", "\\", "\\n", "\n", "\t", "\"", "&&", "${{", "}}", "/", "\u0001", "\u007f", "_", "~", "éa", "10", "9"];
const strangeStrings = ["-infinity", "INFINITY", "0xffffffff", "0XF", "0b11", "0o8", "\u00df", "\u017f", "\u0130", "\u03c2", "\u212a", "a''b''c", "''''", "1e400", "\u2028", "\u0085", "1_000", "0x100000000"];
const jsonTexts = ["[]", "{}", "null", "true", "1", "\"x\"", "[1,2,3]", "[null]", "[\"x\"]", "[[1],[2,[3]]]", "{\"a\":1,\"b\":{\"c\":[true,false]}}", "[1,[2],{\"a\":1},null,true,\"s\"]",
  "{\"name\":\"y\",\"list\":[{\"k\":1},{\"k\":2}]}", "-1.5e2", "  [ 1 , 2 ]  ", "{\"x\":\"\\u00e4\\n\\ud83d\\ude80\"}", "[\"NaN\"]", "\"1\"", "{\"a\":{\"a\":{\"a\":1}}}", "[0,\"\",null,false]",
  "{\"a\":1,\"a\":2}", "[1.50,0.1,100]"];
const strangeJson = ["", " ", "{\"B\":1,\"b\":2,\"C\":3}", "01", "NaN", "[1,]", "{a:1}", "[1,,2]", "// c\n1", "[1", "{\"a\"", "tru", "x", "1 2", "''x''", "{\"b\":1,\"1\":2}", "undefined",
  "[1e400]", "\"\\ud800\"", "[1e21]", "{\"2\":\"b\",\"1\":\"a\"}", "0x10", "[NaN]"];
const functions = [["contains", 2, 2], ["startsWith", 2, 2], ["endsWith", 2, 2], ["format", 1, 4], ["join", 1, 2], ["toJSON", 1, 1], ["fromJSON", 1, 1], ["case", 3, 5]];
const operators = ["==", "!=", "<", "<=", ">", ">=", "&&", "||"];
const blanks = ["", "", "", " ", " ", " ", "  ", "\t", "\n"];

const blank = () => (chance(0.1) ? pick(["\u00a0", "\u3000", "\v"]) : pick(blanks));
const quoted = text => `'${text}'`;

function number() {
  if (chance(1)) return pick(badNumbers);
  return chance(6) ? pick(strangeNumbers) : pick(numbers);
}

function string() {
  if (chance(5)) return quoted(pick(strangeStrings));
  if (chance(12)) {
    let text = "";
    for (let i = below(6); i > 0; --i) text += pick([..."abcABC012 _.,-{}[]/xyz"]);
    return quoted(text);
  }
  return quoted(pick(strings));
}

function literal() {
  switch (below(8)) {
    case 0: return pick(["true", "false"]);
    case 1: return "null";
    case 2: case 3: case 4: return number();
    default: return string();
  }
}

function formatText() {
  let text = "";
  for (let i = below(6); i > 0; --i)
    text += pick(["a", " ", "{0}", "{1}", "{2}", "{0}", "{{", "}}", "x", "{00}", chance(15) ? pick(["{", "}", "{3}", "{0:}", "{0:x}", "{0,5}", "{256}", "{-1}", "{ 0}", "{}", "{0", "{99}"]) : "b"]);
  return quoted(text);
}

function call(depth, set) {
  let [name, least, most] = pick(functions);
  const argument = position => {
    if (name === "fromJSON" && chance(85)) return quoted(chance(20) ? pick(strangeJson) : pick(jsonTexts));
    if (name === "format" && position === 0 && chance(90)) return formatText();
    if (name === "case" && position % 2 === 0 && position < 2 && chance(90))
      return pick(["true", "false", "1 == 1", "l == 1", "!0"]).replace("l ==", `${pick(names(set))} ==`);
    return expression(depth - 1, set);
  };
  let wanted = least + below(most - least + 1);
  if (name === "case" && wanted % 2 === 0 && chance(90)) ++wanted;
  if (chance(2)) wanted = below(6);
  const list = [];
  for (let i = 0; i < wanted; ++i) list.push(argument(i));
  if (chance(15)) name = pick([name.toLowerCase(), name.toUpperCase()]);
  if (chance(1)) name = pick(["nope", "success", "hashFiles"]);
  return `${name}${chance(3) ? " " : ""}(${list.map(one => blank() + one + blank()).join(",")})`;
}

function access(depth, set) {
  let text = chance(2) ? pick(["nope", "github", "True"]) : pick(names(set));
  if (chance(10)) text = chance(50) ? `(${text})` : text.toUpperCase();
  if (chance(15)) text = call(1, set);
  for (let i = below(5); i > 0; --i) {
    switch (below(8)) {
      case 0: text += `[${blank()}${number()}${blank()}]`; break;
      case 1: text += `[${string()}]`; break;
      case 2: text += chance(50) ? ".*" : "[*]"; break;
      case 3: text += depth > 0 ? `[${expression(depth - 1, set)}]` : "[1]"; break;
      default: text += `.${pick(properties)}`;
    }
  }
  return text;
}

function expression(depth, set) {
  if (depth <= 0) return chance(60) ? literal() : access(0, set);
  switch (below(12)) {
    case 0: return literal();
    case 1: case 2: return access(depth, set);
    case 3: case 4: case 5: return call(depth, set);
    case 6: return `!${blank()}${expression(depth - 1, set)}`;
    case 7: return `(${blank()}${expression(depth - 1, set)}${blank()})`;
    default: return `${expression(depth - 1, set)} ${pick(operators)} ${expression(depth - 1, set)}`;
  }
}

/// A slip of the hand.
function mutated(text) {
  const pieces = ["(", ")", "[", "]", ",", ".", "*", "!", "'", "=", "&", "|", "<", "&&", "==", " ", "1", "a", "-", "+", "true", "null", "''", "{0}", "#", "@", "\"", "github", "toJSON", "format("];
  for (let i = 1 + below(2); i > 0; --i) {
    const at = below(text.length + 1);
    switch (below(4)) {
      case 0: text = text.slice(0, at) + text.slice(at + 1 + below(3)); break;
      case 1: text = text.slice(0, at) + pick(pieces) + text.slice(at); break;
      case 2: text = text.slice(0, at) + pick(pieces) + text.slice(at + 1); break;
      default: text = chance(50) ? text.slice(0, at) : text.slice(at);
    }
  }
  return text;
}

const deep = (piece, times, end, close) => piece.repeat(times) + end + close.repeat(times);

/// Each known difference once, so that a rule which no longer meets one is noticed.
const examples = ["toJSON(-0)", "toJSON(1e21)", "'0xffffffff' < 0", "'x''y'''", "contains('ß', 'SS')", "'ß' == 'SS'", "format('{0:x}', 1)", "format('{0,5}', 1)",
  "startsWith(fromJSON('[]'), fromJSON('x'))", "toJSON('\u2028')", "fromJSON('{\"b\":1,\"1\":2}')", "fromJSON('{\"B\":1,\"b\":2}')", "fromJSON('[1,]')", "format('a',)",
  "d[*.x]", "1\u00a0== 1", deep("(", 60, "1", ")"), deep("!", 60, "1", ""), "nope(1 +1)", "toJSON(1", "l[0", "1" + " == 1".repeat(60)];

const contexts = contextSets.map(toData);
console.log(JSON.stringify(contextSets));
const total = Number(count);
for (let i = 0; i < total + examples.length; ++i) {
  let set = i % contextSets.length;
  let text = i < total ? expression(1 + below(4), set) : examples[i - total];
  if (i < total && chance(22)) text = mutated(text);
  if (!text.isWellFormed()) text = text.toWellFormed();
  if (i >= total) set = text.startsWith("l") ? 0 : 1;
  const outcome = evaluated(text, contexts[set]);
  // Half a surrogate pair has no UTF-8.
  for (const key of ["value", "message"]) if (outcome[key] !== undefined) outcome[key] = outcome[key].toWellFormed();
  console.log(JSON.stringify({text, set, ...outcome}));
}
