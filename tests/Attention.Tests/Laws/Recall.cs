using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention.Tests.Laws;

/// <summary>A lookup task: keys with values in random order, then one of the keys; the answer is its value. Layers that act on
/// each position alone, or mix positions with fixed weights, cannot do better than the variance of what they do not know.</summary>
internal static class Recall
{
    private const int Keys = 4, Batch = 32;

    /// <summary>Width of the input: a key's indicator and its value.</summary>
    public const int Width = Keys + 1;

    /// <summary>Trains a block with a linear head.</summary>
    /// <returns>The mean squared error over the last tenth of the steps; answering 0 always has 1, the mean of all values
    /// 0.75.</returns>
    public static double Train(SequenceBlock block, int steps, double learningRate = 0.01)
    {
        var random = new Generator(11);
        var head = new Linear(block.HiddenSize, 1, options: new ParameterOptions { Generator = random });
        var rule = new AdamW { LearningRate = learningRate };
        var optimizer = new Optimizer(new ParameterGroup(block.NamedParameters(), rule), new ParameterGroup([("head.weight", head.Weight), ("head.bias", head.Bias!)], rule));
        double late = 0;
        var tail = steps / 10;
        for (var s = 0; s < steps; s++)
        {
            using var scope = Tensor.Scope();
            var (x, y) = Draw(random);
            optimizer.ZeroGrad();
            var loss = head.Forward(block.Forward(x)).MseLoss(y);
            loss.Backward();
            optimizer.Step();
            if (s >= steps - tail) late += loss.Item() / tail;
        }

        return late;
    }

    private static (Tensor X, Tensor Y) Draw(Generator random)
    {
        var x = new float[Batch * (Keys + 1) * Width];
        var y = new float[Batch];
        for (var b = 0; b < Batch; b++)
        {
            var order = Tensor.Permutation(Keys, random).ToArray<long>();
            var asked = random.NextInt(Keys);
            for (var t = 0; t <= Keys; t++)
            {
                var row = x.AsSpan((b * (Keys + 1) + t) * Width, Width);
                row[(int)(t < Keys ? order[t] : asked)] = 1;
                if (t == Keys) continue;
                row[Keys] = random.NextInt(2) * 2 - 1;
                if (order[t] == asked) y[b] = row[Keys];
            }
        }

        return (Tensor.FromArray(x, [Batch, Keys + 1, Width]), Tensor.FromArray(y, [Batch, 1]));
    }
}
