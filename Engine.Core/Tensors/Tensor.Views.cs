namespace Edifice.Engine;

public sealed partial class Tensor
{
    /// <summary>Another tensor object over the same elements, with the same place in the graph.</summary>
    internal Tensor Alias() => new(Storage, Layout, Offset, DType, retain: true) { Record = Record };
    public Tensor Contiguous() => throw new NotImplementedException();
    public Tensor To(DType d) => throw new NotImplementedException();
}
