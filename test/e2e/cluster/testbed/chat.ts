// One streamed chat, as a program in the cluster would ask: prints the answer as JSON {text, chunks, done, firstByteMs, sentAt}.

const { GATEWAY = '', KEY = '', MODEL = '' } = process.env;
const sentAt = Date.now();
const began = performance.now();
const response = await fetch(`${GATEWAY}/v1/chat/completions`, {
  method: 'POST',
  headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
  body: JSON.stringify({ model: MODEL, stream: true, max_tokens: 24, messages: [{ role: 'user', content: 'Tell me about the sea.' }] }),
});
if (!response.ok || !response.body) throw new Error(`${response.status}: ${await response.text()}`);
const firstByteMs = Math.round(performance.now() - began);
let body = '';
for await (const piece of response.body.pipeThrough(new TextDecoderStream())) body += piece;
const events = body
  .split('\n\n')
  .filter((event) => event.startsWith('data: '))
  .map((event) => event.slice('data: '.length));
const chunks = events
  .filter((event) => event !== '[DONE]')
  .map((event) => JSON.parse(event) as { choices: { delta: { content?: string } }[] });
const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
console.log(JSON.stringify({ text, chunks: chunks.length, done: events.at(-1) === '[DONE]', firstByteMs, sentAt }));

export {};
