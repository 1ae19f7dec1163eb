using Edifice.Bench.Launch;
using TorchSharp;
using static TorchSharp.torch;

// One training step of a model of about the size of samples/Aot's: embedding, two dense layers, head.
if (StandardLibraryShim.RestartIfNeeded(args) is { } code) return code;
random.manual_seed(1);
using var embedding = nn.Embedding(256, 32);
using var first = nn.Linear(32, 128);
using var second = nn.Linear(128, 32);
using var head = nn.Linear(32, 256);
using var optimizer = optim.AdamW([.. embedding.parameters(), .. first.parameters(), .. second.parameters(), .. head.parameters()], 3e-3);
using var tokens = randint(0, 256, [8, 32], ScalarType.Int64);
using var logits = head.forward(second.forward(nn.functional.silu(first.forward(embedding.forward(tokens)))));
using var loss = nn.functional.cross_entropy(logits.reshape(-1, 256), tokens.reshape(-1));
loss.backward();
optimizer.step();
Console.WriteLine($"step 1: loss {loss.item<float>():f4}");
return 0;
