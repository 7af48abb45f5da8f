// OpenAI's own client for node talks to `duet mock`, and reads what `duet run` writes.
// usage: DUET=path/to/duet node --test
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import OpenAI from "openai";

const duet = process.env.DUET;

// Runs body(client, stats) against a mock server of its own.
async function withMock(options, body, clientOptions = {}) {
  const mock = spawn(duet, ["mock", ...options], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const url = await new Promise((resolve, reject) => {
      mock.stdout.once("data", (data) => resolve(data.toString().trim()));
      mock.once("exit", () => reject(new Error("duet mock has ended")));
    });
    const stats = async () => (await fetch(url.replace(/\/v1$/, "/stats"))).json();
    const client = new OpenAI({ baseURL: url, apiKey: "sk-test", maxRetries: 2, ...clientOptions });
    await body(client, stats, url);
  } finally {
    mock.kill();
  }
}

const ask = (client, content, more = {}) =>
  client.chat.completions.create({ model: "mock-1", messages: [{ role: "user", content }], ...more });

test("models are listed", () =>
  withMock([], async (client) => {
    const models = await client.models.list();
    assert.ok(models.data.some((model) => model.id === "mock-1"));
  }));

test("a chat is answered, the same each time", () =>
  withMock([], async (client) => {
    const answer = await ask(client, "Hello");
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.model, "mock-1");
    assert.equal(answer.choices[0].message.role, "assistant");
    assert.ok(answer.choices[0].message.content.length > 10);
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.ok(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    assert.match(answer._request_id, /^req_/);
    assert.deepEqual((await ask(client, "Hello")).choices, answer.choices);
    assert.notDeepEqual((await ask(client, "Goodbye")).choices, answer.choices);
  }));

test("a reply in JSON is JSON", () =>
  withMock([], async (client) => {
    const answer = await ask(client, "Answer in JSON", { response_format: { type: "json_object" } });
    assert.equal(typeof JSON.parse(answer.choices[0].message.content).answer, "string");
  }));

test("a stream comes in pieces, with its usage", () =>
  withMock(["--token-delay", "1ms"], async (client) => {
    const stream = await ask(client, "Hello", { stream: true, stream_options: { include_usage: true } });
    const pieces = [];
    let finish, usage;
    for await (const chunk of stream) {
      assert.equal(chunk.object, "chat.completion.chunk");
      if (chunk.choices[0]?.delta.content) pieces.push(chunk.choices[0].delta.content);
      finish = chunk.choices[0]?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    assert.ok(pieces.length > 3);
    assert.equal(finish, "stop");
    assert.ok(usage.completion_tokens > 0);
  }));

test("the stream helper collects what the pieces hold", () =>
  withMock([], async (client) => {
    const runner = client.chat.completions.stream({
      model: "mock-1", messages: [{ role: "user", content: "Hello" }],
    });
    let text = "";
    runner.on("content", (piece) => (text += piece));
    const whole = await runner.finalChatCompletion();
    assert.equal(whole.choices[0].message.content, text);
  }));

test("a stream may be left at any time", () =>
  withMock(["--token-delay", "20ms"], async (client) => {
    for (let i = 0; i < 5; i++) {
      const stream = await ask(client, `Hello ${i}`, { stream: true });
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
    }
    assert.ok((await ask(client, "Still there?")).choices.length === 1);
  }));

test("embeddings are vectors, as base64 and as numbers", () =>
  withMock([], async (client) => {
    const input = ["one", "two"];
    const decoded = await client.embeddings.create({ model: "mock-embedding", input });
    const plain = await client.embeddings.create({
      model: "mock-embedding", input, encoding_format: "float", dimensions: 8,
    });
    assert.deepEqual(decoded.data.map((item) => item.index), [0, 1]);
    assert.equal(decoded.data[0].embedding.length, 16);
    assert.ok(decoded.data[0].embedding.every((x) => Math.abs(x) <= 1));
    assert.notDeepEqual(decoded.data[0].embedding, decoded.data[1].embedding);
    assert.equal(plain.data[1].embedding.length, 8);
  }));

test("200 at once share the connections", () =>
  withMock(["--latency", "20ms"], async (client, stats) => {
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(client, `Hello ${i}`)));
    assert.equal(new Set(answers.map((answer) => answer.id)).size, 200);
    assert.ok((await stats()).peak_inflight > 1);
  }));

// Errors: what the mock answers, what class the client makes of it, and how often it asked.
for (const [fault, type, status, code, requests] of [
  ["400", OpenAI.BadRequestError, 400, null, 1],
  ["401", OpenAI.AuthenticationError, 401, null, 1],
  ["403", OpenAI.PermissionDeniedError, 403, null, 1],
  ["404", OpenAI.NotFoundError, 404, null, 1],
  ["409", OpenAI.ConflictError, 409, null, 3],
  ["422", OpenAI.UnprocessableEntityError, 422, null, 1],
  ["429", OpenAI.RateLimitError, 429, "rate_limit_exceeded", 3],
  ["quota", OpenAI.RateLimitError, 429, "insufficient_quota", 3],
  ["500", OpenAI.InternalServerError, 500, null, 3],
  ["503", OpenAI.InternalServerError, 503, null, 3],
]) {
  test(`${fault} is ${type.name}, after ${requests} requests`, () =>
    withMock(["--fail", `${fault}:1`], async (client, stats) => {
      await assert.rejects(ask(client, "Hello"), (error) => {
        assert.ok(error instanceof type, `${error}`);
        assert.equal(error.status, status);
        assert.equal(error.code ?? null, code);
        assert.match(error.requestID, /^req_/);
        assert.ok(error.message.length > 10);
        return true;
      });
      assert.equal((await stats()).requests, requests);
    }));
}

test("a request that cannot be read is refused with its reason", () =>
  withMock([], async (client) => {
    await assert.rejects(client.chat.completions.create({ model: "mock-1" }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.match(error.message, /messages/);
      return true;
    });
  }));

test("throttled calls come through, by the pauses that the server asks for", () =>
  withMock(["--fail", "429:0.5"], async (client, stats) => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => ask(client, `Hello ${i}`)));
    const seen = await stats();
    assert.equal(seen.answered, 20);
    assert.ok(seen.throttled > 0);
  }, { maxRetries: 30 }));

test("a connection that breaks is an APIConnectionError", () =>
  withMock(["--fail", "reset:1"], async (client, stats) => {
    await assert.rejects(ask(client, "Hello"), OpenAI.APIConnectionError);
    assert.equal((await stats()).requests, 3);
  }));

test("a server that says nothing is an APIConnectionTimeoutError", () =>
  withMock(["--fail", "stall:1"], async (client) => {
    await assert.rejects(ask(client, "Hello"), OpenAI.APIConnectionTimeoutError);
  }, { maxRetries: 0, timeout: 200 }));

test("half an answer is an error", () =>
  withMock(["--fail", "badjson:1"], async (client) => {
    await assert.rejects(ask(client, "Hello"));
  }));

test("a stream that is cut is an error, after what came", () =>
  withMock(["--fail", "cutsse:1"], async (client) => {
    let pieces = 0;
    await assert.rejects(async () => {
      for await (const chunk of await ask(client, "Hello", { stream: true }))
        pieces += chunk.choices.length;
    });
    assert.ok(pieces > 0);
  }));

// The files of the batch API (platform.openai.com/docs/guides/batch): a line of the input has
// custom_id, method, url and body; one of the output has id, custom_id, response and error.
test("duet run writes the lines of the batch API", () =>
  withMock(["--fail", "400:0.2"], async (client, stats, url) => {
    const folder = mkdtempSync(join(tmpdir(), "duet-batch-"));
    const rows = Array.from({ length: 30 }, (_, i) => ({
      custom_id: `request-${i}`, method: "POST", url: "/v1/chat/completions",
      body: { model: "mock-1", messages: [{ role: "user", content: `Hello ${i}` }], max_tokens: 50 },
    }));
    writeFileSync(join(folder, "in.jsonl"), rows.map((row) => JSON.stringify(row) + "\n").join(""));
    const run = spawnSync(duet, ["run", join(folder, "in.jsonl"), "-o", join(folder, "out.jsonl"),
      "--base-url", url, "-q"], { encoding: "utf8" });
    assert.equal(run.status, 1, run.stderr);
    const lines = readFileSync(join(folder, "out.jsonl"), "utf8").trimEnd().split("\n")
      .map((line) => JSON.parse(line));
    rmSync(folder, { recursive: true });
    assert.deepEqual(lines.map((line) => line.custom_id), rows.map((row) => row.custom_id));
    assert.equal(new Set(lines.map((line) => line.id)).size, rows.length);
    for (const line of lines) {
      assert.deepEqual(Object.keys(line), ["id", "custom_id", "response", "error", "duet"]);
      assert.equal(line.error, null);
      assert.deepEqual(Object.keys(line.response), ["status_code", "request_id", "body"]);
      assert.match(line.response.request_id, /^req_/);
      if (line.response.status_code === 200)
        assert.equal(line.response.body.object, "chat.completion");
      else
        assert.equal(line.response.body.error.type, "invalid_request_error");
    }
    const statuses = new Set(lines.map((line) => line.response.status_code));
    assert.deepEqual([...statuses].sort(), [200, 400]);
    const direct = await ask(client, "Hello 0", { max_tokens: 50 }).catch(() => null);
    if (direct !== null)
      assert.equal(lines[0].response.body.choices?.[0].message.content, direct.choices[0].message.content);
  }));
