using Edifice.Engine;

namespace Edifice.Attention;

/// <summary>How the next token is drawn from logits.</summary>
public sealed record Sampling
{
    /// <summary>Always the most likely token; of several the one with the smallest number.</summary>
    public static Sampling Greedy { get; } = new() { Temperature = 0 };

    /// <summary>Divides the logits; 0: greedy.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>Draws from the k most likely tokens only; null: from all.</summary>
    public int? TopK { get; init; }

    /// <summary>Seed of the draws: the same seed, model and prompt give the same tokens.</summary>
    public ulong Seed { get; init; }

    /// <summary>Checks the settings.</summary>
    /// <exception cref="TensorException">A temperature below 0 or not finite, or k below 1.</exception>
    public void Validate()
    {
        if (!(Temperature >= 0 && double.IsFinite(Temperature))) throw new TensorException($"sampling: the temperature must be finite and at least 0, got {Temperature}");
        if (TopK < 1) throw new TensorException($"sampling: top-k must be at least 1, got {TopK}");
    }

    /// <summary>Draws one token for each row.</summary>
    /// <param name="logits">[B, V], finite or -inf.</param>
    /// <param name="generator">Where the numbers come from: one per row, whatever the settings.</param>
    /// <returns>int64 [B], on the CPU.</returns>
    /// <exception cref="TensorException">A row has NaN or no finite logit.</exception>
    public Tensor Draw(Tensor logits, Generator generator)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(generator);
        Validate();
        if (logits.Rank != 2 || logits.Size(1) == 0) throw TensorException.For("sampling", "needs logits [B, V] of at least one token", logits);
        using var off = Tensor.NoGrad();
        int batch = logits.Size(0), vocabulary = logits.Size(1);
        var all = logits.To(Device.Cpu).To(DType.Float64).ToArray<double>();
        var tokens = new long[batch];
        for (var b = 0; b < batch; b++) tokens[b] = DrawRow(all.AsSpan(b * vocabulary, vocabulary), generator.NextDouble());
        return Tensor.FromArray(tokens);
    }

    private int DrawRow(Span<double> logits, double u)
    {
        var best = 0;
        for (var i = 0; i < logits.Length; i++)
        {
            if (double.IsNaN(logits[i]) || double.IsPositiveInfinity(logits[i])) throw new TensorException($"sampling: the logit of token {i} is {logits[i]}");
            if (logits[i] > logits[best]) best = i;
        }

        var top = logits[best];
        if (double.IsNegativeInfinity(top)) throw new TensorException("sampling: all logits of a row are -inf");
        if (Temperature == 0) return best;
        if (TopK is { } k && k < logits.Length) KeepLargest(logits, k);
        double total = 0;
        foreach (ref var l in logits) total += l = Math.Exp((l - top) / Temperature);
        u *= total;
        var last = best;
        for (var i = 0; i < logits.Length; i++)
        {
            if (logits[i] == 0) continue;
            last = i;
            u -= logits[i];
            if (u < 0) return i;
        }

        return last;
    }

    /// <summary>Sets all but the k largest to -inf; of equal ones those with smaller numbers stay.</summary>
    private static void KeepLargest(Span<double> logits, int k)
    {
        var sorted = logits.ToArray();
        Array.Sort(sorted);
        var least = sorted[^k];
        var above = 0;
        foreach (var l in logits)
            if (l > least) above++;
        foreach (ref var l in logits)
        {
            if (l > least || (l == least && above++ < k)) continue;
            l = double.NegativeInfinity;
        }
    }
}
