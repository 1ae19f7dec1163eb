using System.Runtime.CompilerServices;

namespace Edifice.Engine.Autograd;

/// <summary>Recording: how an op tells the tape what it did.</summary>
internal static class Tape
{
    /// <summary>True when an op on this input must be recorded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Watches(Tensor a) => a.Record is not null && GradMode.IsOn;

    /// <summary>True when an op on these inputs must be recorded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Watches(Tensor a, Tensor b) => (a.Record is not null || b.Record is not null) && GradMode.IsOn;

    /// <summary>True when an op on these inputs (null: absent) must be recorded.</summary>
    public static bool Watches(params ReadOnlySpan<Tensor?> inputs)
    {
        if (!GradMode.IsOn) return false;
        foreach (var t in inputs)
            if (t?.Record is not null) return true;
        return false;
    }

    /// <summary>Records a one-output op when one of its inputs needs a gradient; returns <paramref name="y"/>.</summary>
    /// <param name="op">Its name in the op table.</param>
    /// <param name="y">The output, made by the caller.</param>
    /// <param name="inputs">The op's tensor inputs; null where an optional one is absent.</param>
    /// <param name="saved">What the backward pass needs, to be read by <see cref="Node.Saved"/>.</param>
    /// <param name="vjp">The backward pass.</param>
    public static Tensor Record(
        string op, Tensor y, ReadOnlySpan<Tensor?> inputs, ReadOnlySpan<Tensor> saved, Vjp vjp)
    {
        if (Watches(inputs)) RecordAlways(op, [y], inputs, saved, vjp);
        else Anomaly.CheckForward(op, y);
        return y;
    }

    /// <summary>Records an op with several outputs.</summary>
    public static void RecordMany(
        string op, Tensor[] outputs, ReadOnlySpan<Tensor?> inputs, ReadOnlySpan<Tensor> saved, Vjp vjp)
    {
        if (Watches(inputs)) RecordAlways(op, outputs, inputs, saved, vjp);
        else
            foreach (var y in outputs) Anomaly.CheckForward(op, y);
    }

    private static void RecordAlways(
        string op, Tensor[] outputs, ReadOnlySpan<Tensor?> inputs, ReadOnlySpan<Tensor> saved, Vjp vjp)
    {
        var into = new GradientRecord?[inputs.Length];
        for (var i = 0; i < into.Length; i++) into[i] = inputs[i]?.Record;
        var records = new GradientRecord[outputs.Length];
        for (var i = 0; i < records.Length; i++)
        {
            var y = outputs[i];
            records[i] = new GradientRecord { Layout = y.Layout, DType = CotangentType(y, inputs), Device = y.Device, Output = i };
            if (y.DType.IsFloating()) y.Record = records[i];
        }

        var kept = saved.Length == 0 ? [] : new SavedTensor[saved.Length];
        var node = new Node(op, into, records, kept, vjp);
        foreach (var r in records) r.Node = node;
        // Only now are the outputs no leaves any more: a checkpoint defers the saving of those among them.
        for (var i = 0; i < kept.Length; i++) kept[i] = new SavedTensor(saved[i]);
        foreach (var y in outputs) Anomaly.CheckForward(op, y);
    }

    /// <summary>What is a view of a narrow copy with float32 cotangents has float32 cotangents too.</summary>
    private static DType CotangentType(Tensor y, ReadOnlySpan<Tensor?> inputs)
    {
        if (y.DType.IsNarrowFloat())
            foreach (var x in inputs)
                if (x is { Record.DType: DType.Float32 } && x.DType == y.DType) return DType.Float32;
        return y.DType;
    }

    /// <summary>Gradients of a fused op when the gradient's own graph is wanted: runs the op's composed form on the same
    /// inputs and differentiates that.</summary>
    /// <param name="inputs">The op's inputs as saved (null: absent).</param>
    /// <param name="wanted">Which inputs need a gradient.</param>
    /// <param name="cotangents">One per output of <paramref name="composed"/>.</param>
    /// <param name="composed">The same maths in recorded ops.</param>
    public static Tensor?[] Composed(
        Tensor?[] inputs, Func<int, bool> wanted, Tensor?[] cotangents, Func<Tensor?[], Tensor[]> composed)
    {
        // Fresh identities cut the composed form off from the history of its inputs, so that an input that is itself a
        // function of another one is not differentiated through twice; gradients still flow into both.
        var aliases = new Tensor?[inputs.Length];
        var sources = new List<Tensor>();
        for (var i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] is not { } x) continue;
            if (!wanted(i) || x.Record is null)
            {
                aliases[i] = x;
                continue;
            }

            aliases[i] = Identity(x);
            sources.Add(aliases[i]!);
        }

        var outputs = composed(aliases);
        var live = new List<Tensor>();
        var seeds = new List<Tensor>();
        for (var i = 0; i < outputs.Length; i++)
        {
            if (cotangents[i] is not { } g || outputs[i].Record is null) continue;
            live.Add(outputs[i]);
            seeds.Add(g);
        }

        var found = live.Count == 0
            ? new Tensor?[sources.Count]
            : BackwardPass.Grad([.. live], [.. sources], [.. seeds], retainGraph: true, createGraph: true);
        var result = new Tensor?[inputs.Length];
        var next = 0;
        for (var i = 0; i < inputs.Length; i++)
            if (aliases[i] is { } a && !ReferenceEquals(a, inputs[i])) result[i] = found[next++];
        return result;
    }

    private static Tensor Identity(Tensor x)
    {
        var y = new Tensor(x.Storage, x.Layout, x.Offset, x.DType, retain: true);
        return Record("identity", y, [x], [], static (_, g) => [g[0]]);
    }
}
