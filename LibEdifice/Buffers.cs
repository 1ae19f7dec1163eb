using Edifice.Engine;

namespace Edifice.C;

/// <summary>The caller's buffers: checked, then copied from and to.</summary>
internal static unsafe class Buffers
{
    public static void NotNull(void* pointer, string name)
    {
        if (pointer == null) throw new CallException(Status.NullArgument, $"{name} is null");
    }

    public static void InRange(string name, long value, long least, long most)
    {
        if (value < least || value > most) throw new CallException(Status.OutOfRange, $"{name} must be from {least} to {most}, got {value}");
    }

    /// <summary>Tokens [batch, length].</summary>
    public static Tensor Tokens(int* tokens, int batch, int length, int vocabulary)
    {
        NotNull(tokens, "tokens");
        if (length < 1) throw new CallException(Status.WrongLength, $"the length must be at least 1, got {length}");
        var copy = new long[checked(batch * length)];
        for (var i = 0; i < copy.Length; i++)
        {
            copy[i] = tokens[i];
            if ((uint)tokens[i] >= (uint)vocabulary) throw new CallException(Status.OutOfRange, $"token {i} is {tokens[i]}: the model knows 0 to {vocabulary - 1}");
        }

        return Tensor.FromArray(copy, [batch, length]);
    }

    /// <summary>Checks a buffer for <paramref name="needed"/> floats.</summary>
    public static void Output(float* output, nuint length, long needed)
    {
        if (output == null) throw new CallException(Status.NullArgument, $"out is null: it must have room for {needed} floats");
        if (length != (nuint)needed) throw new CallException(Status.WrongLength, $"out has {length} floats; {needed} are written");
    }

    /// <summary>Checks a buffer that may be left out.</summary>
    public static void OptionalOutput(float* output, nuint length, long needed)
    {
        if (output != null || length != 0) Output(output, length, needed);
    }

    public static void Copy(Tensor from, float* to)
    {
        var dense = from.To(DType.Float32).Contiguous();
        dense.AsSpan<float>().CopyTo(new Span<float>(to, checked((int)dense.Count)));
    }
}
