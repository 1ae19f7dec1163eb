namespace Edifice.Engine.Cuda.Tests.Mutation;

/// <summary>A tensor and the axes over which it is reduced.</summary>
/// <param name="Dims">Extents.</param>
/// <param name="Axes">Reduced ones.</param>
/// <param name="Turn">After so many entries a thread has its next.</param>
/// <param name="Unit">So many entries lie together in the thread (a segment's).</param>
/// <param name="Spread">Every second place along each axis of a larger tensor.</param>
internal sealed record ReductionForm(int[] Dims, int[] Axes, int Turn, int Unit = 1, bool Spread = false)
{
    public int Entries => Axes.Aggregate(1, (n, a) => n * Dims[a]);

    public int Results => Dims.Aggregate(1, (n, d) => n * d) / Entries;

    /// <summary>The tensor of a function of these entries, result by result.</summary>
    public Tensor Build(double[] entries, DType dtype, Device device, Func<Tensor, Tensor> of)
    {
        int[] order = [.. Enumerable.Range(0, Dims.Length).Where(a => !Axes.Contains(a)), .. Axes];
        int[] back = [.. Enumerable.Range(0, Dims.Length).Select(a => Array.IndexOf(order, a))];
        var x = Tensor.FromArray(entries, [.. order.Select(a => Dims[a])]).Permute(back).Clone();
        if (!Spread) return of(x.To(dtype).To(device));
        for (var axis = 0; axis < Dims.Length; axis++)
            x = Tensor.Stack([x, x.FullLike(777)], axis + 1).Reshape([.. Dims.Select((d, a) => a <= axis ? 2 * d : d)]);
        x = of(x.To(dtype).To(device));
        for (var axis = 0; axis < Dims.Length; axis++) x = x.Slice(axis, 0, x.Size(axis), 2);
        return x;
    }

    public override string ToString() => $"[{string.Join(", ", Dims)}] over {string.Join(", ", Axes)}";
}

/// <summary>Entries of results one after the other. Each fourth result is left without anything special.</summary>
internal sealed class EntryPlaces(ReductionForm form, int seed)
{
    public double[] Normal()
    {
        var random = new Random(seed + 19);
        double Next() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return [.. Enumerable.Range(0, form.Entries * form.Results).Select(_ => Next())];
    }

    public double[] All(double value)
    {
        var entries = new double[form.Entries * form.Results];
        entries.AsSpan().Fill(value);
        return entries;
    }

    /// <summary>A value at a place of its own in each result: over all of them every lane, warp and segment has one.</summary>
    public double[] Wandering(double[] entries, double value) =>
        With(entries, value, k => k == form.Results - 1 ? [form.Entries - 1] : [k * (form.Entries / form.Results | 1)]);

    /// <summary>A value in the first or the last place of a round of the threads.</summary>
    public double[] Turning(double[] entries, double value) =>
        With(entries, value, k => [k % 2 == 0 ? k / 2 * form.Turn : (k / 2 + 1) * form.Turn - 1]);

    /// <summary>The same value twice: with a later thread, and behind it with the first thread's next entry.</summary>
    public double[] Twice(double[] entries, double value)
    {
        var lanes = form.Turn == 8 ? 7 : (int)Math.Log2(form.Turn);
        return With(entries, value, k => k % 3 == 0 && form.Unit > 1
            ? [form.Unit * (k + 1), form.Unit * 32]
            : [form.Turn == 8 ? 1 + k % lanes : 1 << k % lanes, form.Turn]);
    }

    private double[] With(double[] entries, double value, Func<int, int[]> places)
    {
        for (var k = 0; k < form.Results; k++)
        {
            if (k % 4 == 3) continue;
            foreach (var place in places(k)) entries[k * form.Entries + place % form.Entries] = value;
        }

        return entries;
    }
}
