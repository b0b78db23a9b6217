"""LangChain's client of OpenAI-compatible servers."""

import steps
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel


class City(BaseModel):
    """A city and its rivers."""

    city: str
    rivers: list[str]


@tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"sunny in {city}"


def model_of(url, key, model, retries=0, **more):
    return ChatOpenAI(base_url=url, api_key=key, model=model, max_retries=retries, **more)


def chat(url, key, model, text, retries=0):
    answer = model_of(url, key, model, retries).invoke(text)
    return {"text": answer.content, "usage": answer.usage_metadata["total_tokens"]}


def stream(url, key, model, text):
    whole = None
    for chunk in model_of(url, key, model, stream_usage=True).stream(text):
        whole = chunk if whole is None else whole + chunk
    return {"text": whole.content, "usage": whole.usage_metadata["total_tokens"], "finish": whole.response_metadata["finish_reason"]}


def tools(url, key, model):
    """A call of a function, streamed; its result, told; the answer to that."""
    bound = model_of(url, key, model).bind_tools([get_weather])
    messages, call = [("user", "How is the weather?")], None
    for chunk in bound.stream(messages):
        call = chunk if call is None else call + chunk
    [asked] = call.tool_calls
    messages += [call, get_weather.invoke(asked)]
    return {"name": asked["name"], "args": asked["args"], "text": bound.invoke(messages).content}


def structured(url, key, model):
    return model_of(url, key, model).with_structured_output(City).invoke("Which city?").model_dump()


def embeddings(url, key, model, texts):
    # Its own tokenizer would come over the network; the server's is right anyway.
    return OpenAIEmbeddings(base_url=url, api_key=key, model=model, check_embedding_ctx_length=False).embed_documents(texts)


def responses(url, key, model, text):
    api = model_of(url, key, model, use_responses_api=True)
    streamed = "".join(chunk.text for chunk in api.stream(text))
    return {"text": api.invoke(text).text, "streamed": streamed}


steps.serve({step.__name__: step for step in (chat, stream, tools, structured, embeddings, responses)})
