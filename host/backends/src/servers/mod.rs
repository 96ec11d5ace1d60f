//! What the audit stores on database servers have in common, whatever their dialect: statements and cells on their way,
//! what goes wrong, what stands in the rows of their tables, and the parts of an address.

pub(crate) mod address;
pub(crate) mod cells;
pub(crate) mod diagnosis;
pub(crate) mod failure;
pub(crate) mod pool;
pub(crate) mod rows;
pub(crate) mod statement;
