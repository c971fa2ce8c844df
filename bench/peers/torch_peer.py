"""The benchmarked models in PyTorch; speaks the protocol of src/child.ts on standard input and output."""

import json
import math
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "2"
import numpy as np
import torch
from torch.nn import functional as F

torch.set_num_threads(2)


def read_fixture(folder):
    with open(os.path.join(folder, "fixture.json")) as file:
        fixture = json.load(file)
    raw = np.fromfile(os.path.join(folder, "fixture.bin"), dtype=np.uint8)

    def decode(entry):
        size = 4 * math.prod(entry["shape"])
        array = raw[entry["offset"] : entry["offset"] + size].view(entry["dtype"]).reshape(entry["shape"])
        return torch.from_numpy(array.copy())

    for part in ("params", "batches"):
        fixture[part] = {name: decode(entry) for name, entry in fixture[part].items()}
    return fixture


def as_parameter(name, tensor):
    # torch keeps linear weights as [out, in]; the embeddings are tables in both.
    linear = name.endswith(".weight") and tensor.dim() == 2 and not name.startswith(("tokens.", "positions."))
    return (tensor.t().contiguous() if linear else tensor.clone()).requires_grad_()


def gpt_loss(workload):
    layers, width, heads, time_, batch = (workload[key] for key in ("layers", "width", "heads", "time", "batch"))
    causal = torch.full((time_, time_), -math.inf).triu(1)
    scale = 1 / math.sqrt(width // heads)

    def loss(p, inputs, targets):
        def linear(name, x):
            return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])

        def norm(name, x):
            return F.layer_norm(x, (width,), p[f"{name}.gain"], p[f"{name}.bias"])

        def attention(name, x):
            qkv = linear(f"{name}.qkv", x).view(batch, time_, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
            q, k, v = qkv.reshape(3, batch * heads, time_, -1).unbind(0)
            weights = torch.baddbmm(causal, q, k.transpose(1, 2), alpha=scale).softmax(-1)
            mixed = torch.bmm(weights, v).view(batch, heads, time_, -1).transpose(1, 2)
            return linear(f"{name}.attentionOut", mixed.reshape(batch, time_, width))

        x = F.embedding(inputs, p["tokens.weight"]) + p["positions.weight"]
        for i in range(layers):
            block = f"blocks.{i}"
            x = x + attention(block, norm(f"{block}.norm1", x))
            hidden = F.gelu(linear(f"{block}.up", norm(f"{block}.norm2", x)), approximate="tanh")
            x = x + linear(f"{block}.down", hidden)
        logits = F.linear(norm("norm", x), p["head.weight"])
        return F.cross_entropy(logits.view(batch * time_, -1), targets.view(-1))

    return loss


def cnn_loss(workload):
    def loss(p, inputs, targets):
        x = inputs
        for i in range(len(workload["channels"])):
            x = F.conv2d(x, p[f"conv{i}.weight"], p[f"conv{i}.bias"], padding="same")
            x = F.max_pool2d(F.relu(x), 2)
        x = F.relu(F.linear(x.flatten(1), p["hidden.weight"], p["hidden.bias"]))
        return F.cross_entropy(F.linear(x, p["out.weight"], p["out.bias"]), targets)

    return loss


def mlp_loss(workload):
    last = len(workload["widths"]) - 2

    def loss(p, inputs, targets):
        x = inputs
        for i in range(last + 1):
            x = F.linear(x, p[f"layers.{i}.weight"], p[f"layers.{i}.bias"])
            if i < last:
                x = F.relu(x)
        return F.cross_entropy(x, targets)

    return loss


def scan_loss(workload):
    zero = torch.zeros(1, workload["batch"], workload["width"])
    # torch's recurrent layer has two biases; the second is held at zero.
    no_bias = torch.zeros(workload["width"])

    def loss(p, inputs):
        weights = [p["input.weight"], p["state.weight"], p["bias"], no_bias]
        states, _ = torch._VF.rnn_tanh(inputs, zero, weights, True, 1, 0.0, True, False, False)
        return states.square().mean()

    return loss


def training_step(fixture):
    workload = fixture["workload"]
    params = {name: as_parameter(name, tensor) for name, tensor in fixture["params"].items()}
    loss = {"gpt": gpt_loss, "cnn": cnn_loss, "mlp": mlp_loss, "scan": scan_loss}[workload["kind"]](workload)
    if workload["kind"] == "scan":
        optimizer = torch.optim.SGD(params.values(), lr=workload["lr"], foreach=True)
    else:
        adam = fixture["adamW"]
        betas = (adam["beta1"], adam["beta2"])
        optimizer = torch.optim.AdamW(
            params.values(), adam["lr"], betas, adam["epsilon"], adam["weightDecay"], foreach=True
        )
    # torch wants 64-bit class numbers; converted once, outside the timed steps.
    batches = {
        name: tensor if tensor.is_floating_point() else tensor.long() for name, tensor in fixture["batches"].items()
    }

    def step(index):
        optimizer.zero_grad(set_to_none=True)
        value = loss(params, *(tensor[index % len(tensor)] for tensor in batches.values()))
        value.backward()
        optimizer.step()
        return value.item()

    return step


def call_step(_):
    return lambda index: (torch.tensor(float(index)) + 1).item()


def int8_step(fixture, style):
    torch.backends.quantized.engine = next(
        engine for engine in ("fbgemm", "onednn", "qnnpack") if engine in torch.backends.quantized.supported_engines
    )
    params = fixture["params"]
    layers = []
    for i in range(len(fixture["workload"]["widths"]) - 1):
        weight = params[f"layers.{i}.weight"].t().contiguous()
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data, layer.bias.data = weight, params[f"layers.{i}.bias"]
        layers += [layer, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    if style == "int8":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, torch.qint8)
    inputs = fixture["batches"]["inputs"]

    def step(index):
        with torch.inference_mode():
            return model(inputs[index % len(inputs)]).square().mean().item()

    return step


def answer(message):
    print(json.dumps(message), flush=True)


def main():
    fixture = read_fixture(sys.argv[1])
    kind, style = fixture["workload"]["kind"], sys.argv[2]
    if kind == "int8":
        step = int8_step(fixture, style)
    else:
        step = {"call": call_step}.get(kind, training_step)(fixture)
    about = {"version": torch.__version__, "threads": torch.get_num_threads()}
    if kind == "int8":
        about["engine"] = torch.backends.quantized.engine
    answer({"ready": about})
    index = 0
    for line in sys.stdin:
        steps = json.loads(line)["steps"]
        value = math.nan
        start = time.perf_counter()
        for _ in range(steps):
            value = step(index)
            index += 1
        answer({"ms": 1000 * (time.perf_counter() - start), "value": value})


try:
    main()
except Exception as error:  # the harness reports it beside the other results
    answer({"error": f"{type(error).__name__}: {error}"})
    sys.exit(1)
