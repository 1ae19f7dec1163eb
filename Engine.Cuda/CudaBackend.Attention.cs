using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    // As in the kernels: rows or keys of a block, its threads, the columns it sums.
    private const int AttentionTile = 32, AttentionThreads = 256, AttentionColumns = 128;

    /// <inheritdoc/>
    public void Attention(in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse)
    {
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(k);
        ArgumentNullException.ThrowIfNull(v);
        ArgumentNullException.ThrowIfNull(lse);
        if (lse.Count == 0) return;
        using var slopes = AlibiSlopes(spec, q);
        var tiles = AttentionTiles(q.Size(1) * (long)(q.Size(2) / k.Size(2)), q, k);
        var arguments = AttentionArguments(spec, q, k, v, keyMask, querySegments, keySegments, output, lse, slopes, tiles);
        Launch("attention", q.DType, "attention", AttentionShape(tiles, q, k, v.Size(3)), arguments);
    }

    /// <inheritdoc/>
    /// <remarks>Three kernels: what each row needs, then dq by rows, then dk and dv by keys. Weights are formed twice, so that no
    /// gradient is summed by two blocks.</remarks>
    public void AttentionVjp(in AttentionSpec spec, Tensor dout, Tensor? dlse, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse, Tensor dq, Tensor dk, Tensor dv)
    {
        ArgumentNullException.ThrowIfNull(dout);
        ArgumentNullException.ThrowIfNull(q);
        ArgumentNullException.ThrowIfNull(k);
        ArgumentNullException.ThrowIfNull(v);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(lse);
        ArgumentNullException.ThrowIfNull(dq);
        ArgumentNullException.ThrowIfNull(dk);
        ArgumentNullException.ThrowIfNull(dv);
        using var slopes = AlibiSlopes(spec, q);
        using var delta = Tensor.Allocate(Layout.Contiguous(lse.Layout.Dims), q.DType, q.Device);
        if (lse.Count > 0)
        {
            var rows = new KernelArguments();
            rows.Add(dout);
            rows.Add(output);
            rows.Add(lse);
            rows.Add(dlse);
            rows.Add(delta);
            rows.Add(checked((uint)lse.Count));
            rows.Add((uint)v.Size(3));
            Launch("attention_delta", q.DType, "attention_delta",
                new LaunchShape((uint)((lse.Count + 7) / 8), 1, 1, AttentionThreads, 1, 1, 0), rows);
        }

        if (dq.Count > 0)
        {
            var tiles = AttentionTiles(q.Size(1) * (long)(q.Size(2) / k.Size(2)), q, k);
            var arguments = AttentionArguments(spec, q, k, v, keyMask, querySegments, keySegments, output, lse, slopes, tiles);
            AddGradients(ref arguments, dout, delta, dq, dk, dv);
            Launch("attention_dq", q.DType, "attention_dq", AttentionShape(tiles, q, k, q.Size(3)), arguments);
        }

        if (dk.Count > 0 || dv.Count > 0)
        {
            var tiles = AttentionTiles(k.Size(1), q, k);
            var arguments = AttentionArguments(spec, q, k, v, keyMask, querySegments, keySegments, output, lse, slopes, tiles);
            AddGradients(ref arguments, dout, delta, dq, dk, dv);
            Launch("attention_dkdv", q.DType, "attention_dkdv", AttentionShape(tiles, q, k, Math.Max(q.Size(3), v.Size(3))), arguments);
        }
    }

    private static uint AttentionTiles(long rows, Tensor q, Tensor k)
    {
        var tiles = (rows + AttentionTile - 1) / AttentionTile;
        return rows <= int.MaxValue && tiles * q.Size(0) * k.Size(2) <= int.MaxValue && q.Count / Math.Max(1, q.Size(3)) <= int.MaxValue
            ? (uint)tiles
            : throw TensorException.For("sdpa", "more than 2³¹ - 1 rows are more than one launch covers: cut the batch", q, k);
    }

    private static LaunchShape AttentionShape(uint tiles, Tensor q, Tensor k, int width) => new(
        tiles * (uint)(q.Size(0) * k.Size(2)), (uint)Math.Max(1, (width + AttentionColumns - 1) / AttentionColumns), 1, AttentionThreads, 1, 1, 0);

    /// <summary>The slopes of the heads on the card; null without the bias.</summary>
    private Tensor? AlibiSlopes(in AttentionSpec spec, Tensor q)
    {
        if (!spec.Alibi) return null;
        var slopes = new double[q.Size(2)];
        for (var head = 0; head < slopes.Length; head++) slopes[head] = Alibi.Slope(head, slopes.Length);
        return Tensor.FromDoubles(slopes, [slopes.Length], q.DType, q.Device);
    }

    private static KernelArguments AttentionArguments(in AttentionSpec spec, Tensor q, Tensor k, Tensor v, Tensor? keyMask,
        Tensor? querySegments, Tensor? keySegments, Tensor output, Tensor lse, Tensor? slopes, uint tiles)
    {
        var arguments = new KernelArguments();
        arguments.Add(q);
        arguments.Add(k);
        arguments.Add(v);
        arguments.Add(output);
        arguments.Add(lse);
        arguments.Add(keyMask);
        arguments.Add(querySegments);
        arguments.Add(keySegments);
        arguments.Add(slopes);
        foreach (var x in (ReadOnlySpan<Tensor>)[q, k, v])
            for (var axis = 0; axis < 3; axis++) arguments.Add(ByteStride(x, axis));
        foreach (var x in (ReadOnlySpan<Tensor?>)[keyMask, querySegments, keySegments])
            for (var axis = 0; axis < 2; axis++) arguments.Add(ByteStride(x, axis));
        arguments.Add((uint)q.Size(1));
        arguments.Add((uint)k.Size(1));
        arguments.Add((uint)q.Size(2));
        arguments.Add((uint)k.Size(2));
        arguments.Add((uint)q.Size(3));
        arguments.Add((uint)v.Size(3));
        arguments.Add(tiles);
        arguments.Add(spec.Causal ? 1u : 0u);
        arguments.Add(spec.Window);
        arguments.Add(spec.QueryOffset);
        arguments.AddScalar(q.DType, spec.Scale);
        return arguments;
    }

    private static void AddGradients(ref KernelArguments arguments, Tensor dout, Tensor delta, Tensor dq, Tensor dk, Tensor dv)
    {
        arguments.Add(dout);
        arguments.Add(delta);
        arguments.Add(dq);
        arguments.Add(dk);
        arguments.Add(dv);
    }

    private static long ByteStride(Tensor? x, int axis) => x is null ? 0 : x.Layout.Strides[axis] * x.DType.SizeOf();
}
