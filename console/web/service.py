"""Runs the pages: one reader of Kafka, a few of the store, one server."""

import threading
from collections.abc import Callable

from console.cli.configs import KafkaSettings
from console.web.answers import Answers
from console.web.app import application
from console.web.config import WebConfig
from console.web.live import Live
from console.web.server import listen_on, serve
from console.web.streams import Streams
from console.web.views import Views
from precache.runtime.http import address_of
from precache.runtime.logs import log
from precache.runtime.shutdown import Stop


def run(config: WebConfig, stop: Stop, on_listening: Callable[[str], None] = lambda _url: None) -> None:
    """Serve until a stop is requested; ``on_listening`` gets the address of the first page.

    Raises:
        ListenError: the address can't be listened on.
    """
    listener = listen_on(config.listen)
    url = f"http://{address_of(config.listen[0], listener.getsockname()[1])}{config.base_path}"
    log.info("web.listening", address=url)
    on_listening(url)
    settings = None if config.kafka is None else KafkaSettings(kafka=config.kafka, topics=config.topics)
    live, answers, streams = Live(settings), Answers(config.store), Streams()
    reader = threading.Thread(target=live.read, args=(stop,), name="precache-kafka", daemon=True)
    reader.start()
    try:
        views = Views(answers, live, config.operators)
        serve(application(views, streams, config.base_path), streams, listener, stop, views.prepare)
    finally:
        stop.request("the server ended")
        answers.close()
        reader.join(5.0)
