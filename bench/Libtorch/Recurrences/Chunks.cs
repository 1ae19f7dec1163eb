using static TorchSharp.torch;

namespace Edifice.Bench.Libtorch.Recurrences;

/// <summary>Sequences cut into chunks, with the heads outside: the layout in which libtorch's batched products need no copies.</summary>
internal static class Chunks
{
    /// <summary>[B, L, h, d] to [B, h, N, C, d]; L must be a multiple of C.</summary>
    public static Tensor Cut(Tensor x, int size) =>
        x.reshape(x.shape[0], x.shape[1] / size, size, x.shape[2], x.shape[3]).permute(0, 3, 1, 2, 4).contiguous();

    /// <summary>[B, h, N, C, d] to [B, L, h, d].</summary>
    public static Tensor Join(Tensor x) =>
        x.permute(0, 2, 3, 1, 4).reshape(x.shape[0], x.shape[2] * x.shape[3], x.shape[1], x.shape[4]);

    /// <summary>The chunk to use: no longer than the sequence.</summary>
    public static int Fit(int size, Tensor x)
    {
        var length = (int)x.shape[1];
        size = Math.Min(size, length);
        return length % size == 0 ? size : throw new ArgumentException($"chunks of {size} do not cut a sequence of {length}");
    }

    /// <summary>The states before each chunk, one chunk after the other: S_{n+1} = decay_n ⊙ S_n + added_n.</summary>
    /// <param name="decay">[B, h, N, dk, 1].</param>
    /// <param name="added">[B, h, N, dk, dv].</param>
    /// <returns>[B, h, N, dk, dv].</returns>
    public static Tensor StatesBefore(Tensor decay, Tensor added)
    {
        Tensor[] d = decay.unbind(2), a = added.unbind(2);
        var states = new Tensor[a.Length];
        states[0] = zeros_like(a[0]);
        // One fused operation per chunk.
        for (var n = 1; n < states.Length; n++) states[n] = a[n - 1].addcmul(d[n - 1], states[n - 1], 1);
        return stack(states, 2);
    }
}
