"""TensorFlow's own parameter servers: the chief has variables there and adds to them."""

import json
import os
from pathlib import Path

import tensorflow as tf

resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
if resolver.task_type in ("worker", "ps"):
    server = tf.distribute.Server(
        resolver.cluster_spec(), job_name=resolver.task_type, task_index=resolver.task_id, protocol="grpc"
    )
    server.join()
strategy = tf.distribute.ParameterServerStrategy(resolver)
coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
with strategy.scope():
    total = tf.Variable(0)


@tf.function
def add():
    total.assign_add(1)


for _ in range(3):
    coordinator.schedule(add)
coordinator.join()
cluster = json.loads(os.environ["TF_CONFIG"])["cluster"]
Path("outputs/report.json").write_text(json.dumps({"sum": int(total.numpy()), "cluster": cluster}))
