using Edifice.Engine;

namespace Edifice.Attention;

/// <summary>How a streaming state holds its tensors: in memory of its own, out of reach of the scopes around a step.</summary>
internal static class StateMemory
{
    /// <summary>The tensor itself when nobody else holds its memory, otherwise a copy; it belongs to no scope from then on.</summary>
    public static Tensor Own(Tensor value)
    {
        using var outside = TensorScope.Suspend();
        if (!value.Storage.IsUnique || !value.IsContiguous) return value.Clone();
        value.Owner = null;
        return value;
    }
}
