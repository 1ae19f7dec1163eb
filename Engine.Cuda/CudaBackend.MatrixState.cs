using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

/// <summary>The matrix-state recurrence, whatever the chunk step by step: the state stays in registers, so a chunk would save no
/// traffic, and the tree of sums over key channels is the same.</summary>
public sealed partial class CudaBackend
{
    // As in the kernels: steps between kept states, columns of a thread, key channels of a block at most.
    private const int StateSpacing = 16, StateColumns = 8, MostStateRows = 512;

    // Memory that the backward pass holds at a time for states between two kept ones; beyond, heads go one launch after the other.
    private const long MostRebuiltBytes = 256L << 20;

    /// <inheritdoc/>
    public int MatrixStateSpacing(int chunk) => StateSpacing;

    /// <inheritdoc/>
    public void MatrixState(in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b,
        Tensor? initial, Tensor output, Tensor final, Tensor? kept)
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(v);
        int states = q.Size(0) * q.Size(2), stripes = Stripes(v.Size(3), StateColumns);
        if (states == 0 || stripes == 0) return;
        using var factors = HeadFactors(spec, q);
        var arguments = new KernelArguments();
        foreach (var x in (ReadOnlySpan<Tensor?>)[q, k, v, factors ?? decay, a, b, initial, output, final, kept]) arguments.Add(x);
        AddStateExtents(ref arguments, q, v, stripes);
        arguments.Add((uint)spec.Decay);
        arguments.AddScalar(q.DType, spec.Scale);
        Launch("matrix_state", q.DType, "matrix_state", new LaunchShape(Blocks(states, stripes, q), 1, 1, StateRows(q), 1, 1, 0), arguments);
    }

    /// <inheritdoc/>
    /// <remarks>Where a block cannot hold all columns of a state, sums over columns are left in one array for each stripe, and a second
    /// kernel adds these.</remarks>
    public void MatrixStateVjp(in MatrixStateSpec spec, Tensor dout, Tensor? dfinal, Tensor q, Tensor k, Tensor v, Tensor? decay,
        Tensor? a, Tensor? b, Tensor kept, Tensor dq, Tensor dk, Tensor dv, Tensor? ddecay, Tensor? da, Tensor? db, Tensor? dinitial)
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(v);
        ArgumentNullException.ThrowIfNull(dq);
        int states = q.Size(0) * q.Size(2), width = v.Size(3), bytes = q.DType.SizeOf();
        if (states == 0) return;
        var rows = StateRows(q);
        // As many columns as threads and shared memory (48 KiB without asking) allow: fewer arrays to add.
        var groups = (uint)Math.Clamp((width + StateColumns - 1) / StateColumns, 1, Math.Max(1, (int)Math.Min(2048 / bytes / rows, 32 / bytes)));
        var stripes = Stripes(width, (int)groups * StateColumns);
        using var factors = HeadFactors(spec, q);

        Tensor?[] sums = [dq, dk, ddecay, da, db], targets = [.. sums];
        if (stripes != 1)
            for (var i = 0; i < sums.Length; i++)
                if (sums[i] is not null) targets[i] = Tensor.Allocate([stripes, checked((int)dq.Count)], q.DType, q.Device);
        if (stripes > 0)
        {
            var perState = (long)stripes * StateSpacing * StateColumns * groups * rows * bytes;
            var atOnce = (int)Math.Clamp(MostRebuiltBytes / perState, 1, states);
            using var rebuilt = Tensor.Allocate([atOnce, stripes, StateSpacing * StateColumns, (int)(groups * rows)], q.DType, q.Device);
            for (var first = 0; first < states; first += atOnce)
            {
                var arguments = new KernelArguments();
                foreach (var x in (ReadOnlySpan<Tensor?>)
                    [q, k, v, factors ?? decay, a, b, kept, dout, dfinal, targets[0], targets[1], targets[2], targets[3], targets[4], dv, dinitial, rebuilt])
                    arguments.Add(x);
                arguments.Add((ulong)(stripes == 1 ? 0 : dq.Count));
                AddStateExtents(ref arguments, q, v, stripes);
                arguments.Add(groups);
                arguments.Add(rows);
                arguments.Add((uint)first);
                arguments.Add((uint)spec.Decay);
                arguments.AddScalar(q.DType, spec.Scale);
                Launch("matrix_state_vjp", q.DType, "matrix_state_vjp",
                    new LaunchShape(Blocks(Math.Min(atOnce, states - first), stripes, q), 1, 1, groups * rows, 1, 1, StateSharedBytes(groups, rows, bytes)), arguments);
            }
        }

        if (stripes == 1) return;
        for (var i = 0; i < sums.Length; i++)
        {
            if (sums[i] is not { Count: > 0 } sum) continue;
            var arguments = new KernelArguments();
            arguments.Add(targets[i]);
            arguments.Add(sum);
            arguments.Add((uint)sum.Count);
            arguments.Add((uint)stripes);
            Launch("sum_stripes", q.DType, "sum_stripes", new LaunchShape((uint)((sum.Count + 255) / 256), 1, 1, 256, 1, 1, 0), arguments);
            targets[i]!.Dispose();
        }
    }

    /// <summary>Shared memory of the backward kernel, in its order: zeros; values, cotangents, what the delta rule read; sums over the lanes of
    /// each warp; sums over columns.</summary>
    private static uint StateSharedBytes(uint groups, uint rows, int bytes) => 64
        + (uint)bytes * (3 * StateSpacing * StateColumns * groups + (2 * 2 * StateColumns) * (groups * rows / 32) + (2 * 5) * groups * rows);

    private static void AddStateExtents(ref KernelArguments arguments, Tensor q, Tensor v, int stripes)
    {
        arguments.Add((uint)q.Size(1));
        arguments.Add((uint)q.Size(2));
        arguments.Add((uint)q.Size(3));
        arguments.Add((uint)v.Size(3));
        arguments.Add((uint)stripes);
    }

    private static int Stripes(int width, int columns) => (width + columns - 1) / columns;

    /// <summary>Key channels in whole warps.</summary>
    private static uint StateRows(Tensor q) => q.Size(3) <= MostStateRows
        ? (uint)Math.Max(1, (q.Size(3) + 31) / 32) * 32
        : throw TensorException.For("matrix state", $"the card holds at most {MostStateRows} key channels per head: split them over heads and add the outputs, or use Device.Cpu", q);

    private static uint Blocks(long states, int stripes, Tensor q) => states * stripes <= int.MaxValue
        ? (uint)(states * stripes)
        : throw TensorException.For("matrix state", "the states are more than one launch covers: cut the batch", q);

    /// <summary>The factors of the heads on the card; null where the decay is none or a tensor.</summary>
    private static Tensor? HeadFactors(in MatrixStateSpec spec, Tensor q) =>
        spec.HeadFactors is { } factors ? Tensor.FromDoubles(factors, [factors.Length], q.DType, q.Device) : null;
}
