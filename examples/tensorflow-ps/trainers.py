"""Two ways to train under ParameterServerStrategy: a loop of one's own, and Keras' fit. Both run on the chief."""

import tensorflow as tf
import tf_keras as keras  # Keras 2: the fit of Keras 3 refuses ParameterServerStrategy
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 7


def train_in_a_loop(strategy, args, log):
    """Steps are scheduled by a coordinator and run on whichever worker is free; a lost worker's step runs again."""
    images, validation_images, digits, validation_digits = load()
    with strategy.scope():
        model = build()
        optimizer = keras.optimizers.SGD(args.learning_rate, momentum=0.9)
        optimizer.build(model.trainable_variables)

    def learn(some_images, some_digits):
        with tf.GradientTape() as tape:
            guesses = model(some_images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(some_digits, guesses))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    @tf.function
    def step(batches):
        number, batch = next(batches)
        loss = strategy.reduce("MEAN", strategy.run(learn, args=batch), axis=None)
        if number % 20 == 0:
            tf.print("batch", number, "of this worker: loss", loss)  # on the worker's own console
        return loss

    coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
    batches = iter(coordinator.create_per_worker_dataset(lambda: endless(images, digits, args.batch_size).enumerate()))
    for epoch in range(1, args.epochs + 1):
        losses = [coordinator.schedule(step, args=(batches,)) for _ in range(len(digits) // args.batch_size)]
        coordinator.join()  # raises what a step has raised
        loss = float(tf.reduce_mean(coordinator.fetch(losses)))
        log(epoch, loss, accuracy_of(model, validation_images, validation_digits))
    return model


def train_by_fit(strategy, args, log):
    """The same by Keras' own loop."""
    images, validation_images, digits, validation_digits = load()
    with strategy.scope():
        model = build()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(args.learning_rate, momentum=0.9), loss)

    def at_the_end_of_an_epoch(epoch, logs):
        log(epoch + 1, float(logs["loss"]), accuracy_of(model, validation_images, validation_digits))

    model.fit(
        keras.utils.experimental.DatasetCreator(lambda context: endless(images, digits, args.batch_size)),
        epochs=args.epochs,
        steps_per_epoch=len(digits) // args.batch_size,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=at_the_end_of_an_epoch)],
        verbose=0,
    )
    return model


def load():
    """The images as rows of 64 brightnesses between 0 and 1, split 80:20 into training and validation."""
    images, digits = load_digits(return_X_y=True)
    images = (images / 16.0).astype("float32")
    return train_test_split(images, digits.astype("int64"), test_size=0.2, stratify=digits, random_state=SEED)


def build():
    """The model, its variables spread over the parameter servers."""
    keras.utils.set_random_seed(SEED)
    return keras.Sequential([keras.layers.Input(64), keras.layers.Dense(128, "relu"), keras.layers.Dense(10)])


def endless(images, digits, batch_size):
    """Batches without end, drawn on each worker from all images: the chief says how many make an epoch."""
    return tf.data.Dataset.from_tensor_slices((images, digits)).shuffle(len(digits)).repeat().batch(batch_size)


def accuracy_of(model, images, digits):
    """The share of the images that the model reads correctly."""
    guesses = tf.argmax(model(images), axis=1)
    return float(tf.reduce_mean(tf.cast(guesses == digits, tf.float32)))
