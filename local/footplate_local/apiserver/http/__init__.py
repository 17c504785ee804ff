"""From a request to an answer: verbs, watches, discovery, OpenAPI, and what tests ask to go wrong."""
