"""LiteLLM's SDK, which takes any OpenAI-compatible server as `openai/MODEL`."""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches its prices from the network

import litellm  # noqa: E402
import steps  # noqa: E402

litellm.telemetry = False
litellm.suppress_debug_info = True

WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def completion(url, key, model, messages, retries=0, **more):
    return litellm.completion(
        model=f"openai/{model}", api_base=url, api_key=key, messages=messages, max_retries=retries, **more
    )


def user(text):
    return [{"role": "user", "content": text}]


def chat(url, key, model, text, retries=0, **more):
    answer = completion(url, key, model, user(text), retries, **more)
    return {"text": answer.choices[0].message.content, "usage": answer.usage.total_tokens}


def stream(url, key, model, text):
    chunks = list(completion(url, key, model, user(text), stream=True, stream_options={"include_usage": True}))
    whole = litellm.stream_chunk_builder(chunks)
    return {
        "text": whole.choices[0].message.content,
        "usage": whole.usage.total_tokens,
        "finish": whole.choices[0].finish_reason,
    }


def tools(url, key, model):
    """A call of a function, streamed; its result, told; the answer to that."""
    messages = user("How is the weather?")
    message = litellm.stream_chunk_builder(
        list(completion(url, key, model, messages, tools=[WEATHER], stream=True))
    ).choices[0].message
    [call] = message.tool_calls
    messages += [message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = completion(url, key, model, messages, tools=[WEATHER])
    return {"name": call.function.name, "arguments": call.function.arguments, "text": answer.choices[0].message.content}


def embeddings(url, key, model, texts):
    answer = litellm.embedding(model=f"openai/{model}", api_base=url, api_key=key, input=texts, encoding_format="float")
    return [each["embedding"] for each in answer.data]


def responses(url, key, model, text):
    answer = litellm.responses(model=f"openai/{model}", api_base=url, api_key=key, input=text)
    events = litellm.responses(model=f"openai/{model}", api_base=url, api_key=key, input=text, stream=True)
    return {"text": answer.output_text, "types": [str(getattr(event.type, "value", event.type)) for event in events]}


steps.serve({step.__name__: step for step in (chat, stream, tools, embeddings, responses)})
