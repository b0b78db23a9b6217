"""OpenAI's own client for Python."""

import asyncio
import threading

import steps
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class City(BaseModel):
    city: str
    rivers: list[str]


def client(url, key, retries=0, **more):
    return OpenAI(base_url=url, api_key=key, max_retries=retries, **more)


def user(text):
    return [{"role": "user", "content": text}]


def chat(url, key, model, text, retries=0, **more):
    answer = client(url, key, retries).chat.completions.create(model=model, messages=user(text), **more)
    return {"text": answer.choices[0].message.content, "usage": answer.usage.total_tokens, "requestId": answer._request_id}


def stream(url, key, model, text, **more):
    chunks = client(url, key).chat.completions.create(model=model, messages=user(text), stream=True, **more)
    heard = {"text": "", "usage": None, "finish": None}
    for chunk in chunks:
        if chunk.usage:
            heard["usage"] = chunk.usage.completion_tokens
        for choice in chunk.choices:
            heard["text"] += choice.delta.content or ""
            heard["finish"] = choice.finish_reason or heard["finish"]
    return heard


def tools(url, key, model):
    """A call of a function, streamed; its result, told; the answer to that."""
    api, messages = client(url, key).chat.completions, user("How is the weather?")
    with api.stream(model=model, messages=messages, tools=[WEATHER]) as events:
        message = events.get_final_completion().choices[0].message
    [call] = message.tool_calls
    messages += [message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = api.create(model=model, messages=messages, tools=[WEATHER])
    return {"name": call.function.name, "arguments": call.function.arguments, "text": answer.choices[0].message.content}


def structured(url, key, model):
    answer = client(url, key).chat.completions.parse(model=model, messages=user("Which city?"), response_format=City)
    return answer.choices[0].message.parsed.model_dump()


def embeddings(url, key, model, texts):
    answer = client(url, key).embeddings.create(model=model, input=texts)
    return [each.embedding for each in answer.data]


def models(url, key):
    return [model.id for model in client(url, key).models.list()]


def response(url, key, model, text, **more):
    answer = client(url, key).responses.create(model=model, input=text, **more)
    return {"text": answer.output_text, "status": answer.status, "usage": answer.usage.total_tokens}


def response_stream(url, key, model, text, **more):
    with client(url, key).responses.stream(model=model, input=text, **more) as events:
        types = [event.type for event in events]
        final = events.get_final_response()
    return {"text": final.output_text, "types": types}


def response_events(url, key, model, text):
    return [event.type for event in client(url, key).responses.create(model=model, input=text, stream=True)]


def leave(url, key, model):
    """Closes a stream that would go on for ever."""
    chunks = client(url, key).chat.completions.create(model=model, messages=user("go on"), stream=True)
    first = next(iter(chunks))
    chunks.close()
    return first.id


def cancel(url, key, model):
    """Cancels a task that reads a stream."""

    async def read(begun):
        async with AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as api:
            async for _ in await api.chat.completions.create(model=model, messages=user("go on"), stream=True):
                begun.set()

    async def both():
        begun = asyncio.Event()
        task = asyncio.create_task(read(begun))
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    return asyncio.run(both())


def many(url, key, model, count):
    """Streams of several threads over one client."""
    api, texts = client(url, key), []

    def one():
        chunks = api.chat.completions.create(model=model, messages=user("Hello"), stream=True)
        texts.append("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices))

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return texts


steps.serve({step.__name__: step for step in (
    chat, stream, tools, structured, embeddings, models, response, response_stream, response_events, leave, cancel, many,
)})
