using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Vectors of one head at one position of one batch row, in raw memory, their elements side by side.</summary>
internal unsafe struct HeadVectors<T> where T : unmanaged
{
    public T* Start;
    public nint Batch, Position, Head;

    public HeadVectors(byte* storage, Tensor t)
    {
        Start = (T*)storage + t.Offset;
        Batch = (nint)t.Strides[0];
        Position = (nint)t.Strides[1];
        Head = (nint)t.Strides[2];
    }

    public readonly T* At(int batch, int position, int head) => Start + batch * Batch + position * Position + head * Head;

    /// <summary>Asks for vectors ahead of their use: they lie too far apart for the processor to foresee them.</summary>
    public readonly void Prefetch(int batch, int first, int end, int head, int width)
    {
        for (var position = first; position < end; position++) CacheHint.Prefetch(At(batch, position, head), width * sizeof(T));
    }
}

/// <summary>One value per position of one batch row: masks and segment numbers.</summary>
internal unsafe struct PositionValues<T> where T : unmanaged
{
    public T* Start;
    public nint Batch, Position;

    public PositionValues(byte* storage, Tensor? t)
    {
        if (t is null) return;
        Start = (T*)storage + t.Offset;
        Batch = (nint)t.Strides[0];
        Position = (nint)t.Strides[1];
    }

    public readonly bool IsGiven => Start != null;

    public readonly T At(int batch, int position) => Start[batch * Batch + position * Position];
}

/// <summary>The operands of attention in raw memory. Extents as in the op's page: h query heads share g key-value
/// heads.</summary>
internal unsafe struct AttentionProblem<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public int Batch, Queries, Keys, Heads, KeyHeads, Width, ValueWidth;

    public HeadVectors<T> Q, K, V;

    /// <summary>[B, Lq, h, dv] and [B, Lq, h], contiguous.</summary>
    public T* Output, LogSumExp;

    public PositionValues<byte> KeyMask;
    public PositionValues<int> QuerySegments, KeySegments;

    public AttentionSpec Spec;

    /// <summary>Takes the extents from the operands.</summary>
    public AttentionProblem(in AttentionSpec spec, Tensor q, Tensor k, Tensor v)
    {
        Spec = spec;
        int[] dq = q.Layout.Dims, dk = k.Layout.Dims;
        Batch = dq[0];
        Queries = dq[1];
        Heads = dq[2];
        Width = dq[3];
        Keys = dk[1];
        KeyHeads = dk[2];
        ValueWidth = v.Layout.Dims[3];
    }

    /// <summary>Query heads per key-value head.</summary>
    public readonly int Sharing => Heads / KeyHeads;

    /// <summary>Query rows per key-value head. Row r is position r / <see cref="Sharing"/> of head
    /// r % <see cref="Sharing"/> of the group: neighbours see nearly the same keys.</summary>
    public readonly int Rows => Queries * Sharing;

    /// <summary>The first key the query at a row may see, for windows: at least 0.</summary>
    public readonly int FirstKey(int row)
    {
        var position = (long)Spec.QueryOffset + row / Sharing;
        return Spec.Window <= 0 ? 0 : (int)Math.Clamp(position - Spec.Window + 1, 0, Keys);
    }

    /// <summary>One past the last key the query at a row may see.</summary>
    public readonly int EndKey(int row)
    {
        var position = (long)Spec.QueryOffset + row / Sharing;
        return Spec.Causal ? (int)Math.Clamp(position + 1, 0, Keys) : Keys;
    }

    /// <summary>Where a row's vector of h heads lies in contiguous [B, Lq, h] order.</summary>
    public readonly nint Place(int batch, int keyHead, int row) =>
        ((nint)batch * Queries + row / Sharing) * Heads + keyHead * Sharing + row % Sharing;

    /// <summary>Whether the row at a place saw no key.</summary>
    public readonly bool SawNothing(nint place) => T.IsNegativeInfinity(LogSumExp[place]);

    /// <summary>The query vector of a row.</summary>
    public readonly T* Query(int batch, int keyHead, int row) => Q.At(batch, row / Sharing, keyHead * Sharing + row % Sharing);

    /// <summary>Rough number of visible pairs of a query and a key, over all heads.</summary>
    public readonly double Pairs
    {
        get
        {
            double keys = Keys;
            if (Spec.Causal) keys = Math.Min(keys, Math.Max(1, Spec.QueryOffset + Queries / 2.0));
            if (Spec.Window > 0) keys = Math.Min(keys, Spec.Window);
            return (double)Batch * Heads * Queries * keys;
        }
    }
}
